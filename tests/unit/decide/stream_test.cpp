// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <csignal>

#include <stdexcept>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

/// A house whose worker runs a job.
struct Running : ReadyHouse {
  explicit Running(Options options = Options().remember("n", 1min), Settings s = one_pool())
      : ReadyHouse(std::move(s)),
        client(connect()),
        worker(workers()[0]),
        job(submit(client, "f", std::move(options))),
        run(begin(worker)) {}

  void emit(const std::string& bytes) {
    handle(event::AttemptParts{worker, run.sequence, {static_cast<std::uint32_t>(bytes.size())}, bytes, {}});
  }
  std::uint64_t follow_parts(SessionId session, std::uint64_t from = 0, std::uint64_t of_run = 0) {
    return ask(session, message::Follow{{job, {}}, false, true, from, of_run});
  }
  /// What the client's owner has in memory here.
  std::uint64_t bytes() {
    for (const LimitView& view : status(client).limits) {
      if (view.name == "max_bytes_per_owner") return view.used;
    }
    throw std::runtime_error("max_bytes_per_owner is not shown");
  }
  /// The payloads of all News so far, joined.
  std::string read(SessionId session) {
    std::string all;
    for (const Sent& sent : sent(session)) {
      if (std::holds_alternative<message::News>(sent.reply.body)) all += sent.payload;
    }
    return all;
  }

  SessionId client;
  WorkerId worker;
  JobId job;
  message::Run run;
};

}  // namespace

TEST_CASE(
    "P1 who follows a job is told of its progress, at most ten times a second, and always of the last") {
  Running house;
  house.ask(house.client, message::Follow{{house.job, {}}, true, false, 0, 0});
  CHECK_FALSE(house.last<message::News>(house.client).progress.has_value());
  for (int i = 1; i <= 50; ++i) {
    house.handle(event::AttemptProgress{house.worker, house.run.sequence, double(i), "step"});
  }
  CHECK(house.count<message::News>(house.client) == 2);
  CHECK(house.last<message::News>(house.client).progress == 1);
  house.wait(100ms);
  CHECK(house.count<message::News>(house.client) == 3);
  CHECK(house.last<message::News>(house.client).progress == 50);
  CHECK_FALSE(house.scheduler.next_due(house.now).value_or(1h) == Nanos(0));
  house.finish(house.worker);
  CHECK(house.last<message::News>(house.client).progress == 100);
  CHECK(house.last<message::News>(house.client).last);
  CHECK(house.status(house.client).limits[4].used == 0);  // max_watches
}

TEST_CASE("P1 a job that never told its progress is at 100 when it has succeeded") {
  Running house;
  house.finish(house.worker);
  CHECK(house.show(house.client, house.job).progress == 100);
}

TEST_CASE("P3 parts are told in order as they come, to each follower from where it asks") {
  Running house;
  house.follow_parts(house.client);
  house.emit("ab");
  house.emit("cd");
  CHECK(house.read(house.client) == "abcd");
  const auto other = house.connect();
  const std::uint64_t run = house.last<message::News>(house.client).run;
  CHECK(run != 0);
  house.follow_parts(other, 1, run);
  CHECK(house.read(other) == "cd");
  house.finish(house.worker);
  CHECK(house.last<message::News>(other).last);
  CHECK(house.ended(house.client, house.job)->told.parts == 2);
  CHECK(house.ended(house.client, house.job)->told.run == run);
}

TEST_CASE("P3 a follower has a megabyte under way, and the next parts when it has used some") {
  Running house(Options().durability(Durability::memory));
  const std::uint64_t follow = house.follow_parts(house.client);
  const std::string part(256 << 10, 'x');
  for (int i = 0; i < 10; ++i) house.emit(part);
  CHECK(house.read(house.client).size() == 4 * part.size());
  house.ask(house.client, message::Advance{follow, 1, false});
  CHECK(house.read(house.client).size() == 5 * part.size());
  house.finish(house.worker);
  CHECK_FALSE(house.last<message::News>(house.client).last);
  for (std::uint64_t used = 2; used <= 10; ++used)
    house.ask(house.client, message::Advance{follow, used, false});
  CHECK(house.last<message::News>(house.client).last);
}

TEST_CASE("P3 all that a session follows has its part of max_unread under way") {
  Settings settings = one_pool();
  settings.limits.max_unread = 4 << 20;
  Running house(Options().remember("n", 1min), settings);
  const std::uint64_t first = house.follow_parts(house.client);
  const std::uint64_t second = house.follow_parts(house.client);
  house.follow_parts(house.client);
  const std::string part(512 << 10, 'x');
  for (int i = 0; i < 4; ++i) house.emit(part);
  const auto told = [&] { return house.read(house.client).size() / part.size(); };
  CHECK(told() == 3);  // one for each, in any case
  house.ask(house.client, message::Advance{first, 0, true});
  CHECK(told() == 3);
  house.ask(house.client, message::Advance{second, 0, true});
  CHECK(told() == 4);
}

TEST_CASE("P3 an attempt that is cut off takes its parts along, and its readers are told") {
  Running house(Options().remember("n", 1min));
  house.follow_parts(house.client);
  house.emit("ab");
  const std::uint64_t run = house.last<message::News>(house.client).run;
  house.scheduler.drain(house.now, house.plan);
  house.scheduler.stop_now(house.plan);
  house.turn();
  house.gone(house.worker, 9);
  CHECK(house.last<message::News>(house.client).run == 0);
  CHECK(house.show(house.client, house.job).parts == 0);
  const auto late = house.connect();
  house.follow_parts(late, 1, run);
  CHECK(house.last<message::News>(late).run == 0);
  CHECK(house.last<message::News>(late).first == 0);
}

TEST_CASE("P3 two runs have different numbers, also where the daemon did not know of the first") {
  Running first;
  first.follow_parts(first.client);
  first.emit("a");
  Running second;
  second.around.instance = new_job_id();
  second.follow_parts(second.client);
  second.emit("a");
  CHECK(first.last<message::News>(first.client).run != second.last<message::News>(second.client).run);
}

TEST_CASE("P3 the parts of a remembered job leave memory with its end, and are written with it") {
  Running house;
  house.emit(std::string(5000, 'x'));
  CHECK(house.status(house.client).limits[1].used >= 5064);  // max_bytes
  house.finish(house.worker, "");
  CHECK(house.status(house.client).limits[1].used == 0);
  const auto told = house.written<change::TellJob>();
  REQUIRE(told.size() == 1);
  CHECK(told[0].told.parts == 1);
  REQUIRE(told[0].parts.size() == 1);
  CHECK(told[0].parts[0].bytes.size() == 5000);
  house.load_parts = [&](const effect::LoadParts& wanted) {
    CHECK(wanted.from == 0);
    return told[0].parts;
  };
  house.follow_parts(house.client);
  CHECK(house.read(house.client).size() == 5000);
  CHECK(house.last<message::News>(house.client).last);
  house.ask(house.client, message::Forget{{house.job, {}}});
  house.wait(house.settings.limits.keep_unfetched);
  REQUIRE(house.written<change::DeleteJob>().size() == 1);
  CHECK(house.written<change::DeleteJob>()[0].has_parts);
}

TEST_CASE("P3 an unnamed job is kept for its parts until its submitter has read them, or keep_unfetched") {
  for (const bool reads : {true, false}) {
    CAPTURE(reads);
    Running house(Options().durability(Durability::memory));
    house.emit("abc");
    house.finish(house.worker);
    house.ask(house.client, std::monostate{}, {}, 1);
    CHECK(house.show(house.client, house.job).parts == 1);
    if (reads) {
      const std::uint64_t follow = house.follow_parts(house.client);
      CHECK(house.show(house.client, house.job).parts == 1);
      house.ask(house.client, message::Advance{follow, 1, false});
    } else {
      const auto other = house.connect();
      const std::uint64_t follow = house.follow_parts(other);
      house.ask(other, message::Advance{follow, 1, false});
      CHECK(house.show(house.client, house.job).parts == 1);
      house.wait(house.settings.limits.keep_unfetched);
    }
    house.ask(house.client, message::Show{.key = {house.job, {}}});
    CHECK(house.last<message::Refused>(house.client).code == "no_such_future");
    CHECK(house.status(house.client).limits[1].used == 0);
  }
}

TEST_CASE("P3 who follows a job that lapses is told so, and a session that goes leaves what it followed") {
  Running house;
  const auto other = house.connect();
  const std::uint64_t follow = house.follow_parts(other);
  house.emit(std::string(3 << 20, 'x'));
  house.emit(std::string(3 << 20, 'x'));
  house.follow_parts(house.client);
  house.disconnect(house.client);
  house.finish(house.worker);
  house.wait(1min);
  CHECK(house.last<message::Refused>(other).state == State::lapsed);
  CHECK(house.sent(other).back().reply.number == follow);
  CHECK(house.status(other).limits[4].used == 0);
}

TEST_CASE("P3 parts that come from the store for who follows another job by now are dropped") {
  Running house;
  house.emit(std::string(5000, 'x'));
  house.finish(house.worker);
  const JobId other = house.submit(house.client, "g", Options().remember("m", 1min));
  const std::uint64_t follow = house.ask(house.client, message::Follow{{other, {}}, false, true, 0, 0});
  house.handle(event::PartsLoaded{house.job, house.client, follow, {{0, {4}, Payload("late")}}});
  CHECK(house.read(house.client).empty());
}

TEST_CASE("P2 a worker that asks is told of others' notes, and of no more than one change at a time") {
  Running house;
  house.ask(house.client, message::SetNote{{house.job, {}}, "a"}, "1");
  CHECK(house.hand(house.worker).notes.empty());
  house.handle(event::AttemptReadsNotes{house.worker, house.run.sequence, 0});
  auto& told = house.hand(house.worker).notes;
  REQUIRE(told.size() == 1);
  CHECK(told[0].notes == std::vector<NoteView>{{"a", "1"}});
  house.ask(house.client, message::SetNote{{house.job, {}}, "a"}, "2");
  house.ask(house.client, message::SetNote{{house.job, {}}, "b"}, "3");
  CHECK(told.size() == 1);
  house.handle(event::AttemptReadsNotes{house.worker, house.run.sequence, told[0].version});
  REQUIRE(told.size() == 2);
  CHECK(told[1].notes == std::vector<NoteView>{{"a", "2"}, {"b", "3"}});
  house.handle(event::AttemptReadsNotes{house.worker, house.run.sequence, told[1].version});
  house.handle(event::AttemptNote{house.worker, house.run.sequence, 1, {"c", "4"}});
  CHECK(told.size() == 2);  // its own
  house.ask(house.client, message::SetNote{{house.job, {}}, "b"}, "");
  REQUIRE(told.size() == 3);
  CHECK(told[2].notes == std::vector<NoteView>{{"b", ""}});
  CHECK(told[2].written == 1);
  house.finish(house.worker);
  CHECK(house.ended(house.client, house.job)->told.notes == std::vector<NoteView>{{"a", "2"}, {"c", "4"}});
}

TEST_CASE("P2 the first answer comes also where there are no notes") {
  Running house;
  house.handle(event::AttemptReadsNotes{house.worker, house.run.sequence, 0});
  REQUIRE(house.hand(house.worker).notes.size() == 1);
  CHECK(house.hand(house.worker).notes[0].version > 0);
}

TEST_CASE(
    "P2 a client's note on a durable job is answered when it is on disk, and its worker's go there in a "
    "while") {
  Running house;
  house.hold_commits();
  house.ask(house.client, message::SetNote{{house.job, {}}, "a"}, "1");
  CHECK(house.count<message::Known>(house.client) == 0);
  house.commit();
  CHECK(house.last<message::Known>(house.client).effect);
  REQUIRE(house.written<change::TellJob>().size() == 1);
  for (int i = 0; i < 10; ++i) {
    house.handle(event::AttemptNote{house.worker, house.run.sequence, 1, {"w", std::to_string(i)}});
  }
  CHECK(house.written<change::TellJob>().size() == 2);
  house.wait(100ms);
  REQUIRE(house.written<change::TellJob>().size() == 3);
  CHECK(house.written<change::TellJob>()[2].told.notes == std::vector<NoteView>{{"a", "1"}, {"w", "9"}});
}

TEST_CASE("P2 what a worker removes of its own notes is gone at once, and takes no room") {
  Running house;
  const std::uint64_t before = house.bytes();
  std::uint32_t written = 0;
  const auto write = [&](const char* key, const char* value) {
    house.handle(event::AttemptNote{house.worker, house.run.sequence, ++written, {key, value}});
  };
  write("a", "1");
  write("b", "2");
  CHECK(house.bytes() > before);
  write("a", "");
  write("never", "");
  CHECK(house.show(house.client, house.job).notes == std::vector<NoteView>{{"b", "2"}});
  write("b", "");
  CHECK(house.bytes() == before);
  // Also where it reads notes: it knows what it has removed itself, and is not told.
  house.handle(event::AttemptReadsNotes{house.worker, house.run.sequence, 0});
  auto& told = house.hand(house.worker).notes;
  REQUIRE(told.size() == 1);
  house.handle(event::AttemptReadsNotes{house.worker, house.run.sequence, told[0].version});
  write("c", "3");
  write("c", "");
  CHECK(told.size() == 1);
  CHECK(house.bytes() == before);
  house.finish(house.worker);
  CHECK(house.ended(house.client, house.job)->told.notes.empty());
}

TEST_CASE("P2 what a client removes takes room until the worker that reads notes knows, and no longer") {
  Running house;
  const std::uint64_t before = house.bytes();
  const auto set = [&](const char* value) {
    house.ask(house.client, message::SetNote{{house.job, {}}, "a"}, value);
  };
  auto& told = house.hand(house.worker).notes;
  const auto read = [&](std::uint64_t version) {
    house.handle(event::AttemptReadsNotes{house.worker, house.run.sequence, version});
  };
  set("1");
  set("");
  CHECK(house.bytes() == before);  // nobody reads
  read(0);
  set("2");
  REQUIRE(told.size() == 1);
  read(told.back().version);
  REQUIRE(told.size() == 2);
  set("");
  CHECK(house.show(house.client, house.job).notes.empty());
  CHECK(house.bytes() > before);
  read(told.back().version);
  REQUIRE(told.size() == 3);
  CHECK(told.back().notes == std::vector<NoteView>{{"a", ""}});
  CHECK(house.bytes() > before);
  read(told.back().version);
  CHECK(house.bytes() == before);
  CHECK(told.size() == 3);
}

TEST_CASE("P2 a note on a job that has ended has no effect") {
  Running house;
  house.finish(house.worker);
  house.ask(house.client, message::SetNote{{house.job, {}}, "a"}, "1");
  CHECK_FALSE(house.last<message::Known>(house.client).effect);
  CHECK(house.show(house.client, house.job).notes.empty());
}

TEST_CASE("E1 a worker that writes far more notes than max_notes allows is killed, and the failure says so") {
  auto settings = one_pool();
  settings.limits.max_notes = 1000;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId id = house.submit(client);
  const auto run = house.begin(worker);
  for (const char* key : {"a", "b", "c"})
    house.handle(event::AttemptNote{worker, run.sequence, 1, {key, std::string(900, 'x')}});
  CHECK(house.hand(worker).signals == std::vector<int>{SIGKILL});
  house.gone(worker, SIGKILL);
  const auto ended = house.ended(client, id);
  REQUIRE(ended);
  CHECK(ended->failure.cause == Cause::crashed);
  CHECK(ended->failure.message.starts_with(
      "the worker broke its protocol after 0 ms: it wrote a note with which those of its job have "));
  CHECK(ended->failure.message.ends_with(" bytes; max_notes (1000) allows less"));
  CHECK(house.logged.back() ==
        "warning: a worker of pool main (pid 101) has broken its protocol and was killed: " +
            ended->failure.message.substr(ended->failure.message.find("it wrote")));
}

TEST_CASE("P2 what a known outcome brings back has its notes, within max_notes") {
  ReadyHouse house;
  const auto client = house.connect();
  message::Remember remember{new_job_id(), "n", 1min, Duplicate::raise, message::KnownOutcome{}};
  remember.outcome->function = "f";
  remember.outcome->told.notes = {{"a", "1"}};
  house.ask(client, remember, "value");
  CHECK(house.show(client, remember.id).notes == std::vector<NoteView>{{"a", "1"}});
  remember.id = new_job_id();
  remember.name = "m";
  remember.outcome->told.notes = {{"a", std::string(house.settings.limits.max_notes, 'x')}};
  house.ask(client, remember, "value");
  CHECK(house.last<message::Refused>(client).message ==
        "the notes of the job have 65601 bytes; max_notes allows 65536");
}

TEST_CASE("A5 parts and notes of an attempt that is over are refused, and its worker is ended") {
  Running house;
  house.finish(house.worker);
  house.emit("late");
  CHECK(house.status(house.client).stale_reports == 1);
  CHECK_FALSE(house.hand(house.worker).signals.empty());
  CHECK(house.show(house.client, house.job).parts == 0);
}
