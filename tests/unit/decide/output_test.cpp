// SPDX-License-Identifier: Apache-2.0
// What jobs print: kept with them, and told as it comes to who follows it (SEMANTICS P4).
#include <doctest/doctest.h>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

const Options kNamed = Options().remember("n", 1min);
const Options kUnnamed = Options().durability(Durability::memory);

/// So many bytes were printed, and `last` is what is kept of them.
Printed printed(const std::string& last, std::uint64_t total) {
  return {Payload(last), total};
}

/// A house whose worker runs a job, and prints.
struct Printing : ReadyHouse {
  explicit Printing(Options options = kNamed, Settings s = one_pool())
      : ReadyHouse(std::move(s)),
        client(connect()),
        worker(workers()[0]),
        job(submit(client, "f", std::move(options))),
        run(begin(worker)) {}

  std::uint64_t follow(SessionId session, std::uint64_t from = 0, std::uint64_t of_run = 0) {
    return ask(session, message::Follow{{job, {}}, false, false, 0, of_run, true, from});
  }
  std::vector<effect::ReadOutput>& reads() { return hand(worker).reads; }
  /// The pool answers what was asked for last.
  void tell(std::uint64_t first, const std::string& bytes, std::uint64_t total) {
    handle(event::AttemptOutput{worker, reads().back().sequence, first, bytes, total});
  }
  void end(Printed with) { finish(worker, "", 1ms, std::move(with)); }

  /// What the session was told: each piece of output with the number of its first byte, and "!" for the last.
  std::string told(SessionId session) {
    std::string all;
    for (const Sent& sent : sent(session)) {
      const auto* news = std::get_if<message::News>(&sent.reply.body);
      if (news == nullptr) continue;
      if (!news->output.empty()) all += std::to_string(news->output_first) + ":" + news->output + " ";
      if (news->last) all += std::to_string(news->output_total) + "!";
    }
    return all;
  }
  std::uint64_t bytes_used() { return status(client).limits[1].used; }
  std::uint64_t watches_used() { return status(client).limits[4].used; }

  SessionId client;
  WorkerId worker;
  JobId job;
  message::Run run;
};

}  // namespace

TEST_CASE("P4 the output of a job is kept with it, however it ended, written with its end, and counted") {
  for (const bool crash : {false, true}) {
    CAPTURE(crash);
    Printing house;
    if (crash) {
      house.gone(house.worker, 11, 0, "words", printed("words", 1005));
    } else {
      house.end(printed("words", 1005));
    }
    CHECK(house.show(house.client, house.job).output_size == 5);
    CHECK(house.ended(house.client, house.job)->told.output_total == 1005);
    CHECK(house.bytes_used() ==
          (crash ? 5 + 5 + house.show(house.client, house.job).failure.message.size() : 5));
    REQUIRE(house.written<change::TellJob>().size() == 1);
    const change::TellJob told = house.written<change::TellJob>()[0];
    CHECK(told.output.view() == "words");
    CHECK(told.told.output_size == 5);
    CHECK(told.told.output_total == 1005);
    CHECK(told.told.run != 0);
  }
}

TEST_CASE("P4 a job that prints nothing costs nothing") {
  Printing house;
  house.end({});
  CHECK(house.written<change::TellJob>().empty());
  CHECK(house.bytes_used() == 0);
  CHECK(house.show(house.client, house.job).output_size == 0);
  CHECK(house.reads().empty());
}

TEST_CASE("P4 output is asked for only when somebody follows it: at once, then when there is more") {
  Printing house;
  CHECK(house.reads().empty());
  const std::uint64_t follow = house.follow(house.client);
  REQUIRE(house.reads().size() == 1);
  CHECK(house.reads()[0].from == 0);
  CHECK(house.reads()[0].sequence == house.run.sequence);
  CHECK(house.reads()[0].answer == effect::Answer::at_once);
  CHECK(house.count<message::News>(house.client) == 0);  // the first has what there is
  house.tell(0, "ab", 2);
  CHECK(house.told(house.client) == "0:ab ");
  REQUIRE(house.reads().size() == 2);
  CHECK(house.reads()[1].from == 2);
  CHECK(house.reads()[1].answer == effect::Answer::with_more);
  house.turn();
  CHECK(house.reads().size() == 2);
  house.tell(2, "cd", 4);
  house.ask(house.client, message::Advance{follow, 0, true, 4});
  house.tell(4, "ef", 6);
  CHECK(house.told(house.client) == "0:ab 2:cd ");
  CHECK(house.reads().size() == 3);  // nobody follows any more
  CHECK(house.watches_used() == 0);
}

TEST_CASE("P4 who follows a job that has printed nothing so far is told that at once") {
  Printing house;
  house.follow(house.client);
  house.tell(0, "", 0);
  CHECK(house.count<message::News>(house.client) == 1);
  CHECK(house.reads().size() == 2);
  const JobId waiting = house.submit(house.client, "f", Options().remember("m", 1min));
  const std::uint64_t follow =
      house.ask(house.client, message::Follow{{waiting, {}}, false, false, 0, 0, true, 0});
  CHECK(house.sent(house.client).back().reply.number == follow);
  CHECK(house.reads().size() == 2);
}

TEST_CASE("P4 what comes after the last answer is told with the end, and so is what is lost") {
  Printing house;
  const std::uint64_t follow = house.follow(house.client);
  house.tell(0, "ab", 2);
  house.end(printed("yz", 1000));
  CHECK(house.told(house.client) == "0:ab 998:yz 1000!");
  CHECK(house.watches_used() == 1);  // it says when it has used them
  house.ask(house.client, message::Advance{follow, 0, false, 1000});
  CHECK(house.watches_used() == 0);
}

TEST_CASE("P4 a late follower gets what is kept, and sees how much is not") {
  Printing house;
  house.end(printed("yz", 1000));
  const auto late = house.connect();
  house.follow(late);
  CHECK(house.told(late) == "998:yz 1000!");
  const std::uint64_t run = house.last<message::News>(late).run;
  const auto again = house.connect();
  house.follow(again, 999, run);
  CHECK(house.told(again) == "999:z 1000!");
  const auto behind = house.connect();
  house.follow(behind, 5000, run);
  CHECK(house.told(behind) == "1000!");
}

TEST_CASE("P4 of a job of which nothing is kept the number of bytes is told") {
  Printing house;
  house.end(printed("", 1000));
  house.follow(house.client);
  CHECK(house.last<message::News>(house.client).output_first == 1000);
  CHECK(house.told(house.client) == "1000!");
}

TEST_CASE("P4 for a follower that does not read nothing is asked, and it is told what it has missed") {
  Printing house;
  const std::uint64_t follow = house.follow(house.client);
  const std::string piece(256 << 10, 'x');
  std::uint64_t total = 0;
  while (house.reads().back().from == total) {
    house.tell(total, piece, total + piece.size());
    total += piece.size();
    REQUIRE(total <= 2 << 20);
  }
  CHECK(total == 1 << 20);
  const std::size_t asked = house.reads().size();
  house.turn();
  CHECK(house.reads().size() == asked);
  house.ask(house.client, message::Advance{follow, 0, false, total});
  REQUIRE(house.reads().size() == asked + 1);
  CHECK(house.reads().back().from == total);
  house.tell(total + 5000, "yz", total + 5002);
  CHECK(house.last<message::News>(house.client).output_first == total + 5000);
}

TEST_CASE("P4 one who comes later is told from the start, and holds up nobody") {
  Printing house;
  house.follow(house.client);
  house.tell(0, "abc", 3);
  const auto other = house.connect();
  house.follow(other);
  CHECK(house.reads().back().from == 0);
  CHECK(house.reads().back().answer == effect::Answer::at_once);
  house.tell(0, "abcde", 5);
  CHECK(house.told(house.client) == "0:abc 3:de ");
  CHECK(house.told(other) == "0:abcde ");
  CHECK(house.reads().back().from == 5);
}

TEST_CASE("P4 what a follower had no room for is not lost with the answer to another one") {
  Settings settings = one_pool();
  settings.limits.max_unread = 2 << 20;
  Printing house(kNamed, settings);
  const std::string half(512 << 10, 'x');
  const std::uint64_t first = half.size(), total = first + 4;
  const std::uint64_t follow = house.follow(house.client);
  house.tell(0, half, total);  // all that the session has room for
  const auto other = house.connect();
  const std::uint64_t others = house.follow(other);
  house.tell(0, half + "ab", total);
  house.ask(other, message::Advance{others, 0, false, first + 2});
  CHECK(house.reads().back().from == first + 2);
  // Both in one turn: there is room, and the answer to the other one.
  house.scheduler.handle(
      event::Requested{
          house.client, {1000, 1000, 4711}, {0, 0, message::Advance{follow, 0, false, first}}, {}},
      house.now, house.plan);
  house.tell(first + 2, "cd", total);
  CHECK(house.last<message::News>(other).output == "cd");
  CHECK(house.last<message::News>(house.client).output == half);
  CHECK(house.reads().back().from == first);
  house.tell(first, "abcd", total);
  CHECK(house.last<message::News>(house.client).output == "abcd");
}

TEST_CASE("P4 a run that is cut off takes its output along, and the next one's has another number") {
  Printing house;
  house.follow(house.client);
  house.tell(0, "abc", 3);
  const std::uint64_t run = house.last<message::News>(house.client).run;
  house.scheduler.drain(house.now, house.plan);
  house.scheduler.stop_now(house.plan);
  house.turn();
  house.gone(house.worker, 9, 0, "", printed("abc", 3));
  CHECK(house.last<message::News>(house.client).run == 0);
  CHECK(house.show(house.client, house.job).output_size == 0);
  CHECK(house.bytes_used() == 4);  // its arguments
  const auto late = house.connect();
  house.follow(late, 3, run);
  CHECK(house.last<message::News>(late).output_first == 0);
}

TEST_CASE("P4 the output of a remembered job is read from the store, piece by piece") {
  Printing house;
  const std::string kept = std::string(256 << 10, 'x') + std::string(5000, 'y');
  house.end(printed(kept, kept.size() + 10));
  CHECK(house.bytes_used() == 0);
  CHECK(house.show(house.client, house.job).output_size == kept.size());
  house.follow(house.client);
  std::string all;
  for (const auto& sent : house.sent(house.client)) {
    if (const auto* news = std::get_if<message::News>(&sent.reply.body)) all += news->output;
  }
  CHECK(all == kept);
  CHECK(house.last<message::News>(house.client).last);
  const auto other = house.connect();
  house.load_output = [](const effect::LoadOutput&) { return std::string(); };
  house.follow(other);
  CHECK(house.last<message::Refused>(other).code == "no_such_future");
}

TEST_CASE("P4 an unnamed job is kept for who follows its output until that is read, or keep_unfetched") {
  for (const bool reads : {true, false}) {
    CAPTURE(reads);
    Printing house(kUnnamed);
    const std::uint64_t follow = house.follow(house.client);
    house.tell(0, "", 0);
    house.end(printed("abc", 3));
    house.ask(house.client, std::monostate{}, {}, 1);
    CHECK(house.told(house.client) == "0:abc 3!");
    CHECK(house.show(house.client, house.job).output_size == 3);
    if (reads) {
      house.ask(house.client, message::Advance{follow, 0, false, 3});
    } else {
      house.wait(house.settings.limits.keep_unfetched);
    }
    house.ask(house.client, message::Show{.key = {house.job, {}}});
    CHECK(house.last<message::Refused>(house.client).code == "no_such_future");
    CHECK(house.bytes_used() == 0);
  }
}

TEST_CASE("P4 an unnamed job whose output nobody follows goes with its outcome") {
  Printing house(kUnnamed);
  house.end(printed("abc", 3));
  house.ask(house.client, std::monostate{}, {}, 1);
  house.ask(house.client, message::Show{.key = {house.job, {}}});
  CHECK(house.last<message::Refused>(house.client).code == "no_such_future");
}

TEST_CASE("P4 output that is told late, of a job that has ended or to who has gone, is dropped") {
  Printing house;
  house.follow(house.client);
  const std::uint32_t sequence = house.reads().back().sequence;
  house.end(printed("abc", 3));
  house.handle(event::AttemptOutput{house.worker, sequence, 0, "late", 4});
  CHECK(house.told(house.client) == "0:abc 3!");
  house.handle(event::AttemptOutput{WorkerId{4711}, sequence, 0, "late", 4});
  house.handle(event::OutputLoaded{house.job, SessionId{4711}, 1, "late"});
  house.handle(event::OutputLoaded{new_job_id(), house.client, 1, "late"});
  CHECK(house.told(house.client) == "0:abc 3!");
}

TEST_CASE("P4 the output that a known outcome speaks of is not brought back") {
  ReadyHouse house;
  const auto client = house.connect();
  message::Remember remember{new_job_id(), "n", 1min, Duplicate::raise, message::KnownOutcome{}};
  remember.outcome->function = "f";
  remember.outcome->told.run = 7;
  remember.outcome->told.output_size = remember.outcome->told.output_total = 1000;
  house.ask(client, remember, "value");
  CHECK(house.show(client, remember.id).output_size == 0);
}

TEST_CASE("P4 what the store remembers of a job's output is told after a restart, under the same run") {
  RecoveredJob recovered;
  recovered.id = new_job_id();
  recovered.owner = 1000;
  recovered.function = "f";
  recovered.state = State::succeeded;
  recovered.told.run = 7;
  recovered.told.output_size = 2;
  recovered.told.output_total = 1000;
  House house(one_pool(), [&](House& h) { h.scheduler.restore(recovered, h.now, h.plan); });
  house.load_output = [](const effect::LoadOutput& wanted) { return std::string("yz").substr(wanted.from); };
  const auto client = house.connect();
  CHECK(house.show(client, recovered.id).output_size == 2);
  house.ask(client, message::Follow{{recovered.id, {}}, false, false, 0, 7, true, 999});
  CHECK(house.count<message::News>(client) == 2);
  const auto& first = std::get<message::News>(house.sent(client)[house.sent(client).size() - 2].reply.body);
  CHECK(first.output == "z");
  CHECK(first.run == 7);
  CHECK(house.last<message::News>(client).last);
}
