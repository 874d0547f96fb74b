// SPDX-License-Identifier: Apache-2.0
// What becomes of jobs while the disk is full or slow, and when the store has failed (DESIGN 2.8).
#include <doctest/doctest.h>

#include <algorithm>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

constexpr auto kInMemory = Durability::memory;
/// 2027-01-15 08:00:00Z
const WallTime kFullSince{std::chrono::seconds(1'800'000'000)};
const std::string kDiskFull =
    "the disk of /var/lib/p has been full since 2027-01-15 08:00:00Z: nothing durable is accepted until "
    "there "
    "is space; free some there, or submit with durability memory; the daemon goes on by itself";

struct DiskHouse : ReadyHouse {
  explicit DiskHouse(Settings s = one_pool())
      : ReadyHouse(with_directory(std::move(s))), client(connect(0)) {}
  static Settings with_directory(Settings s) {
    s.state_dir = "/var/lib/p";
    return s;
  }
  /// From now on nothing reaches the disk.
  void fill_disk() {
    around.store.full_since = kFullSince;
    hold_commits();
    turn();
  }
  message::Refused refusal(std::size_t before) {
    REQUIRE(count<message::Refused>(client) == before + 1);
    return last<message::Refused>(client);
  }
  std::uint64_t used(const std::string& limit) {
    for (const LimitView& view : status(client).limits) {
      if (view.name == limit) return view.used;
    }
    return 0;
  }
  SessionId client;
};

}  // namespace

TEST_CASE("on a full disk durable submissions are refused as disk_full, and memory jobs go on") {
  DiskHouse house;
  house.fill_disk();
  const auto refused = house.count<message::Refused>(house.client);
  house.submit(house.client);
  CHECK(house.refusal(refused).code == "disk_full");
  CHECK(house.refusal(refused).message == kDiskFull);
  house.submit(house.client, "f", Options{}.remember("named"));
  CHECK(house.refusal(refused + 1).message == kDiskFull);
  CHECK(house.changes.empty());
  const JobId id = house.submit(house.client, "f", Options{}.durability(kInMemory).remember("m"));
  house.finish(house.workers()[0]);
  CHECK(house.ended(house.client, id)->state == State::succeeded);
  CHECK(house.count<message::Refused>(house.client) == refused + 2);
}

TEST_CASE("on a full disk durable jobs are not given names, and memory jobs are") {
  DiskHouse house;
  const JobId durable = house.submit(house.client);
  const JobId memory = house.submit(house.client, "f", Options{}.durability(kInMemory));
  house.fill_disk();
  const auto refused = house.count<message::Refused>(house.client);
  house.ask(house.client, message::Remember{durable, "d", 1min, Duplicate::raise, {}});
  CHECK(house.refusal(refused).code == "disk_full");
  CHECK(house.refusal(refused).message == kDiskFull);
  message::KnownOutcome outcome{.function = "f", .state = State::succeeded};
  house.ask(house.client, message::Remember{new_job_id(), "o", 1min, Duplicate::raise, outcome});
  CHECK(house.refusal(refused + 1).message == kDiskFull);
  outcome.durability = kInMemory;
  house.ask(house.client, message::Remember{new_job_id(), "o", 1min, Duplicate::raise, outcome});
  house.ask(house.client, message::Remember{memory, "m", 1min, Duplicate::raise, {}});
  CHECK(house.last<message::Known>(house.client).effect);
  CHECK(house.count<message::Refused>(house.client) == refused + 2);
}

TEST_CASE(
    "on a full disk what was submitted before is accepted, cancelled and forgotten when it is on disk") {
  DiskHouse house;
  const JobId named = house.submit(house.client, "f", Options{}.remember("n"));
  house.hold_commits();
  const JobId waiting = house.submit(house.client, "f", Options{}.remember("w"));
  const auto accepted = house.count<message::Accepted>(house.client);
  house.fill_disk();
  const auto known = house.count<message::Known>(house.client);
  const auto refused = house.count<message::Refused>(house.client);
  house.ask(house.client, message::Submit{waiting, "f", Options{}.remember("w")});  // after a reconnect
  house.ask(house.client, message::Cancel{{waiting, {}}});
  house.ask(house.client, message::Forget{{{}, "n"}});
  CHECK(house.count<message::Accepted>(house.client) == accepted);
  CHECK(house.count<message::Known>(house.client) == known);
  house.around.store.full_since = {};
  house.commit();
  CHECK(house.count<message::Accepted>(house.client) > accepted);
  CHECK(house.count<message::Known>(house.client) == known + 2);
  CHECK(house.count<message::Refused>(house.client) == refused);
  CHECK(house.ended(house.client, waiting)->state == State::cancelled);
  CHECK_FALSE(house.show(house.client, named).remembered);
}

TEST_CASE("M1 a full disk is a problem in the status, until there is space") {
  DiskHouse house;
  CHECK(house.status(house.client).health == "ok");
  house.fill_disk();
  StatusView status = house.status(house.connect());
  CHECK(status.health == "degraded");
  CHECK(status.full_since == kFullSince);
  REQUIRE(status.problems.size() == 1);
  CHECK(
      status.problems[0] ==
      "the disk of /var/lib/p has been full since 2027-01-15 08:00:00Z: durable jobs are refused until there "
      "is space; free some there");
  house.around.store.full_since = {};
  status = house.status(house.client);
  CHECK(status.health == "ok");
  CHECK(status.full_since == WallTime());
  house.submit(house.client);
  CHECK(house.written<change::InsertJob>().size() == 1);
}

TEST_CASE("E2 above max_unwritten durable submissions are refused by its name, and memory jobs are not") {
  auto settings = one_pool();
  settings.limits.max_unwritten = 1000;
  DiskHouse house(settings);
  house.around.store.unwritten = 600;
  const auto refused = house.count<message::Refused>(house.client);
  house.submit(house.client, "f", {}, std::string(400, 'x'));
  CHECK(house.count<message::Refused>(house.client) == refused);
  house.submit(house.client, "f", {}, std::string(401, 'x'));
  CHECK(house.refusal(refused).code == "limit");
  CHECK(house.refusal(refused).message ==
        "max_unwritten (1000) is reached: so many bytes of jobs and results wait for the disk; wait until it "
        "has taken some, submit with durability memory, or raise it in section [limits]");
  house.submit(house.client, "f", Options{}.durability(kInMemory), std::string(5000, 'x'));
  CHECK(house.count<message::Refused>(house.client) == refused + 1);
  CHECK(house.used("max_unwritten") == 600);
}

TEST_CASE("E2 what one turn brings counts at once against max_unwritten") {
  auto settings = one_pool();
  settings.limits.max_unwritten = 1000;
  DiskHouse house(settings);
  const auto refused = house.count<message::Refused>(house.client);
  for (int i = 0; i < 3; ++i) {
    message::Request request{1000U + static_cast<unsigned>(i), 0,
                             message::Submit{new_job_id(), "f", Options{}.remember("n" + std::to_string(i))}};
    house.scheduler.handle(
        event::Requested{house.client, {0, 0, 1}, std::move(request), Payload(std::string(400, 'x'))},
        house.now, house.plan);
  }
  house.turn();
  CHECK(house.refusal(refused).code == "limit");
  CHECK(house.written<change::InsertJob>().size() == 2);
  house.submit(house.client, "f", {}, std::string(400, 'x'));  // the disk has taken it meanwhile
  CHECK(house.count<message::Refused>(house.client) == refused + 1);
}

TEST_CASE("E2 no job begins while max_unwritten bytes wait for the disk, and all go on when fewer do") {
  auto settings = one_pool();
  settings.limits.max_unwritten = 1000;
  DiskHouse house(settings);
  house.around.store.unwritten = 1000;
  const JobId id = house.submit(house.client, "f", Options{}.durability(kInMemory));
  House::Hand& hand = house.hand(house.workers()[0]);
  CHECK(hand.channel.empty());
  CHECK(house.show(house.client, id).reason ==
        "no job begins until the disk has taken what waits for it (max_unwritten)");
  StatusView status = house.status(house.client);
  CHECK(std::count(status.problems.begin(), status.problems.end(), "max_unwritten is nearly reached") == 1);
  house.around.store.unwritten = 999;
  house.turn();
  CHECK(hand.channel.size() == 1);
}

TEST_CASE("DESIGN 2.8 everybody is told why the store has failed, and so is who asks after that") {
  DiskHouse house;
  const auto other = house.connect();
  const JobId id = house.submit(house.client);
  house.scheduler.store_failed("cannot write to X: disk I/O error", house.plan);
  house.turn();
  const std::string expected =
      "the daemon's store failed, and it accepts nothing more: cannot write to X: disk I/O error";
  for (const SessionId session : {house.client, other}) {
    CHECK(house.sent(session).back().reply.number == 0);
    CHECK(house.last<message::Refused>(session).code == "store_failed");
    CHECK(house.last<message::Refused>(session).message == expected);
  }
  const auto changes = house.changes.size();
  const auto number = house.ask(other, message::Submit{new_job_id(), "f", Options{}.durability(kInMemory)});
  CHECK(house.sent(other).back().reply.number == number);
  CHECK(house.last<message::Refused>(other).code == "store_failed");
  house.ask(house.client, message::Cancel{{id, {}}});
  CHECK(house.last<message::Refused>(house.client).message == expected);
  const auto late = house.connect();
  CHECK(house.last<message::Refused>(late).message == expected);
  CHECK(house.count<message::Welcome>(late) == 0);
  CHECK(house.changes.size() == changes);
}

TEST_CASE(
    "M1 the status tells that the store of the daemon before this one has failed, which is no problem now") {
  DiskHouse house;
  CHECK(house.status(house.client).store_failed_at == WallTime());
  house.around.last_failure = StoreFailure{kFullSince, "disk I/O error"};
  const StatusView status = house.status(house.client);
  CHECK(status.health == "ok");
  CHECK(status.store_failed_at == kFullSince);
  CHECK(status.store_failure == "disk I/O error");
}

TEST_CASE(
    "on a full disk a remembered outcome that is on disk is told at once, and one that is not when it is") {
  DiskHouse house;
  house.submit(house.client, "f", Options{}.remember("there"));
  house.finish(house.workers()[0], "value");
  house.around.submitted = house.around.store.committed = 7;
  house.fill_disk();
  const auto other = house.connect(0);
  house.ask(other, message::Watch{.key = {{}, "there"}});
  CHECK(house.count<message::Ended>(other) == 1);
  house.ask(other, message::Watch{.key = {{}, "there"}, .take = true});
  CHECK(house.count<message::Ended>(other) == 1);
  CHECK(house.written<change::DropName>().size() == 1);
  house.commit();
  CHECK(house.count<message::Ended>(other) == 2);
}

TEST_CASE("on a full disk an outcome whose end is not on disk waits for it, also for others who ask") {
  DiskHouse house;
  house.submit(house.client, "f", Options{}.remember("coming"));
  house.around.submitted = house.around.store.committed = 7;
  house.fill_disk();
  house.finish(house.workers()[0], "value");
  const auto other = house.connect(0);
  house.ask(other, message::Watch{.key = {{}, "coming"}});
  CHECK(house.count<message::Ended>(other) == 0);
  CHECK(house.count<message::Ended>(house.client) == 0);
  house.around.store.committed = 8;
  house.commit();
  CHECK(house.count<message::Ended>(other) == 1);
  CHECK(house.count<message::Ended>(house.client) == 1);
}

TEST_CASE("E2 above max_unwritten what would wait for the disk is refused, and what need not is answered") {
  auto settings = one_pool();
  settings.limits.max_unwritten = 1000;
  DiskHouse house(settings);
  const JobId there = house.submit(house.client, "f", Options{}.remember("n"));
  const JobId memory = house.submit(house.client, "f", Options{}.durability(kInMemory).remember("m"));
  house.around.submitted = house.around.store.committed = 7;
  const JobId coming = house.submit(house.client);
  house.around.store.unwritten = 1000;
  house.hold_commits();
  const auto refused = [&](auto body) {
    const auto before = house.count<message::Refused>(house.client);
    house.ask(house.client, std::move(body));
    if (house.count<message::Refused>(house.client) == before) return std::string("not refused");
    return house.last<message::Refused>(house.client).message.substr(0, 20);
  };
  CHECK(refused(message::Cancel{{there, {}}}) == "max_unwritten (1000)");
  CHECK(refused(message::Forget{{there, {}}}) == "max_unwritten (1000)");
  CHECK(refused(message::Adjust{there, 1min, {}}) == "max_unwritten (1000)");
  CHECK(refused(message::Watch{.key = {coming, {}}}) == "max_unwritten (1000)");
  CHECK(refused(message::Watch{.key = {there, {}}}) == "not refused");
  CHECK(house.last<message::Known>(house.client).id == there);
  CHECK(refused(message::Forget{{memory, {}}}) == "not refused");
  CHECK(refused(message::Cancel{{memory, {}}}) == "not refused");
}

TEST_CASE("on a full disk who asks again and again for an acceptance is told once") {
  DiskHouse house;
  house.fill_disk();
  house.around.store.full_since = {};
  message::Request request{77, 0, message::Submit{new_job_id(), "f", {}}};
  const auto ask = [&] { house.handle(event::Requested{house.client, {0, 0, 1}, request, {}}); };
  const auto accepted = house.count<message::Accepted>(house.client);
  for (int i = 0; i < 5; ++i) ask();
  house.commit();
  CHECK(house.count<message::Accepted>(house.client) == accepted + 1);
  CHECK(house.last<message::Accepted>(house.client).numbers == std::vector<std::uint64_t>{77});
  ask();  // it may have been lost on its way
  house.commit();
  CHECK(house.count<message::Accepted>(house.client) == accepted + 2);
}

TEST_CASE("E2 above max_unwritten notes are refused, and a worker's are not written again and again") {
  DiskHouse house;
  const JobId id = house.submit(house.client);
  const auto run = house.begin(house.workers()[0]);
  house.around.store.unwritten = house.settings.limits.max_unwritten;
  house.turn();
  const std::size_t refused = house.count<message::Refused>(house.client);
  house.ask(house.client, message::SetNote{{id, {}}, "key"}, "value");
  CHECK(house.refusal(refused).code == "limit");
  const std::size_t before = house.written<change::TellJob>().size();
  for (int i = 0; i < 5; ++i) {
    house.handle(event::AttemptNote{house.workers()[0], run.sequence, 1, {"key", std::string(1000, 'v')}});
    house.wait(std::chrono::milliseconds(200));
  }
  CHECK(house.written<change::TellJob>().size() == before);
  house.around.store.unwritten = 0;
  house.wait(std::chrono::milliseconds(200));
  CHECK(house.written<change::TellJob>().size() == before + 1);
}

TEST_CASE("R7 a take that is asked again while it waits for the disk is answered once, and not refused") {
  DiskHouse house;
  house.submit(house.client, "f", Options{}.remember("n"));
  house.finish(house.workers()[0], "value");
  house.hold_commits();
  const auto taker = house.connect(0);
  const message::Request request{99, 0, message::Watch{.key = {{}, "n"}, .take = true}};
  const message::Request again{
      99, 0, message::Watch{.key = {house.last<message::Ended>(house.client).id, {}}, .take = true}};
  house.handle(event::Requested{taker, {0, 0, 1}, request, {}});
  house.handle(event::Requested{taker, {0, 0, 1}, again, {}});
  CHECK(house.count<message::Refused>(taker) == 0);
  house.commit();
  CHECK(house.count<message::Ended>(taker) == 1);
  CHECK(house.count<message::Refused>(taker) == 0);
}

TEST_CASE(
    "R7 an outcome that was taken is kept when later ones, that need no disk, are acknowledged before it is "
    "sent") {
  DiskHouse house;
  house.submit(house.client, "f", Options{}.remember("n"));
  house.finish(house.workers()[0], "value");
  const JobId id = house.last<message::Ended>(house.client).id;
  house.hold_commits();
  const auto taker = house.connect(0);
  house.ask(taker, message::Watch{.key = {{}, "n"}, .take = true});
  house.submit(taker, "f", Options{}.durability(Durability::memory));
  house.finish(house.workers()[0], "other");
  CHECK(house.count<message::Ended>(taker) == 1);
  house.ask(taker, std::monostate{}, {}, 2);
  for (const auto& gone : house.written<change::DeleteJob>()) CHECK(gone.id != id);
  house.commit();
  CHECK(house.count<message::Ended>(taker) == 2);
}

TEST_CASE("E2 what a worker holds and has not begun is taken back when max_unwritten is reached") {
  auto settings = one_pool();
  settings.limits.max_unwritten = 1000;
  DiskHouse house(settings);
  const Options memory = Options{}.durability(kInMemory);
  house.submit(house.client, "f", memory);
  house.finish(house.workers()[0]);  // a quick one: others may stand behind it
  for (int i = 0; i < 5; ++i) house.submit(house.client, "f", memory);
  House::Hand& hand = house.hand(house.workers()[0]);
  REQUIRE(hand.channel.size() == 5);
  house.begin(hand.id);
  house.around.store.unwritten = 1000;
  house.turn();
  CHECK(hand.channel.size() == 1);
  house.around.store.unwritten = 0;
  house.turn();
  CHECK(hand.channel.size() == 5);
}
