// SPDX-License-Identifier: Apache-2.0
// C9: who subscribes is told what happens to jobs that it may see.
#include <doctest/doctest.h>

#include "tests/unit/decide/kin.hpp"
#include "tests/unit/decide/told_events.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

Failure of_exception() {
  Failure failure;
  failure.cause = Cause::exception;
  failure.message = std::string(5000, 'x');
  failure.output = "words";
  return failure;
}

}  // namespace

TEST_CASE("C9 a job's life is told in order, from the answer to Subscribe on") {
  ReadyHouse house;
  const SessionId client = house.connect(kUser);
  const SessionId watcher = house.connect(kUser);
  house.submit(client, "g", kMemory);
  house.finish(house.workers()[0]);
  const std::uint64_t number = house.ask(watcher, message::Subscribe{});
  CHECK(house.last<message::Events>(watcher).events.empty());
  const JobId id = house.submit(client, "f", Options(kMemory).queue("q").remember("n", 1min));
  const message::Run run = house.begin(house.workers()[0]);
  house.handle(event::AttemptProgress{house.workers()[0], run.sequence, 12.5, "half"});
  house.finish(house.workers()[0]);
  CHECK(told(house, watcher, number) == "accepted:f started:f progress:f succeeded:f ");
  const auto all = events(house, watcher);
  REQUIRE(all.size() == 4);
  for (const JobEvent& event : all) {
    CHECK(event.id == id);
    CHECK(event.queue == "q");
    CHECK(event.name == "n");
    CHECK(event.owner == kUser);
    CHECK(event.at == house.now.wall);
  }
  CHECK(all[0].attempt == 0);
  CHECK(all[1].attempt == 1);
  CHECK(all[2].progress == 12.5);
  CHECK(all[2].progress_message == "half");
}

TEST_CASE("C9 each way in which a job ends, or goes on, has its kind") {
  ReadyHouse house;
  const SessionId client = house.connect(kUser);
  const WorkerId worker = house.workers()[0];
  const std::uint64_t number = house.ask(client, message::Subscribe{});
  house.submit(client, "f", kMemory);
  house.fail(worker, of_exception());
  CHECK(told(house, client, number) == "accepted:f started:f failed:f ");
  const JobEvent failed = events(house, client)[2];
  CHECK(failed.failure.cause == Cause::exception);
  CHECK(failed.failure.message.size() == 1024);
  CHECK(failed.failure.output.empty());

  house.sent(client).clear();
  const JobId cancelled = house.submit(client, "f", kMemory);
  house.submit(client, "g", Options(kMemory).timeout(1s));
  house.ask(client, message::Cancel{{cancelled, {}}, false, "enough"});
  CHECK(told(house, client, number).ends_with("cancelled:f started:g "));
  for (const JobEvent& event : events(house, client)) {
    if (event.kind == EventKind::cancelled) CHECK(event.reason.ends_with("enough"));
  }
  house.sent(client).clear();
  house.submit(client, "f", Options(kMemory).timeout(1s));
  house.begin(worker);
  house.wait(2s);
  CHECK(told(house, client, number) == "accepted:f expired:f ");
  house.finish(worker);

  house.sent(client).clear();
  house.submit(client, "f", Options(kMemory).retry_on(Retry::crash));
  house.begin(worker);
  house.gone(worker, 11);
  CHECK(told(house, client, number) == "accepted:f started:f retried:f ");
  CHECK(events(house, client)[2].failure.cause == Cause::crashed);
}

TEST_CASE("C9 what is cut off by no fault of its own is told as interrupted") {
  ReadyHouse house;
  const SessionId client = house.connect(kUser);
  const std::uint64_t number = house.ask(client, message::Subscribe{});
  house.submit(client, "f");
  house.begin(house.workers()[0]);
  house.scheduler.drain(house.now, house.plan);
  house.scheduler.stop_now(house.plan);
  house.turn();
  house.gone(house.workers()[0], 9);
  CHECK(told(house, client, number) == "accepted:f started:f interrupted:f ");
}

TEST_CASE("C9 all conditions of a filter must hold") {
  struct Case {
    message::Subscribe filter;
    std::string told;
  };
  const std::vector<Case> cases{
      {{}, "accepted:f accepted:g "},
      {{.function = "f*"}, "accepted:f "},
      {{.queue = "q"}, "accepted:g "},
      {{.name_prefix = "n"}, "accepted:f "},
      {{.function = "g", .name_prefix = "n"}, ""},
      {{.kinds = only({EventKind::succeeded, EventKind::failed})}, ""},
      {{.kinds = only({EventKind::accepted}), .function = "?"}, "accepted:f accepted:g "},
  };
  for (const Case& c : cases) {
    CAPTURE(c.told);
    House house(one_pool());
    house.ready(house.workers()[0]);
    const SessionId client = house.connect(kUser);
    // The one worker is busy.
    house.submit(client, "g", kMemory);
    house.begin(house.workers()[0]);
    const std::uint64_t number = house.ask(client, c.filter);
    house.submit(client, "f", Options(kMemory).remember("name", 1min));
    house.submit(client, "g", Options(kMemory).queue("q"));
    CHECK(told(house, client, number) == c.told);
  }
}

TEST_CASE("C9 M6 a user is told of own jobs alone, an administrator of all, or of one user's") {
  ReadyHouse house;
  const SessionId user = house.connect(kUser);
  const SessionId other = house.connect(kOther);
  const SessionId admin = house.connect(kAdmin);
  const auto kinds = only({EventKind::accepted});
  const std::uint64_t own = house.ask(user, message::Subscribe{.kinds = kinds, .owner = kUser});
  const std::uint64_t all = house.ask(admin, message::Subscribe{.kinds = kinds});
  const std::uint64_t one = house.ask(admin, message::Subscribe{.kinds = kinds, .owner = kOther});
  house.submit(user, "f", kMemory);
  house.submit(other, "g", kMemory);
  CHECK(told(house, user, own) == "accepted:f ");
  CHECK(told(house, admin, all) == "accepted:f accepted:g ");
  CHECK(told(house, admin, one) == "accepted:g ");

  house.ask(user, message::Subscribe{.owner = kOther});
  CHECK(house.last<message::Refused>(user).code == "not_permitted");
  CHECK(house.last<message::Refused>(user).message ==
        "only an administrator may watch the jobs of user 1001, and user 1000 is none (section [access], key "
        "admins, says who is)");
}

TEST_CASE("C9 E6 who is an administrator no more is told of own jobs alone") {
  Settings settings = one_pool();
  settings.access.admins = {kUser};
  ReadyHouse house(settings);
  const SessionId user = house.connect(kUser);
  const SessionId other = house.connect(kOther);
  const std::uint64_t all = house.ask(user, message::Subscribe{.kinds = only({EventKind::accepted})});
  const std::uint64_t one =
      house.ask(user, message::Subscribe{.kinds = only({EventKind::accepted}), .owner = kOther});
  house.settings.access.admins.clear();
  house.reconfigure(house.settings.pools);
  house.submit(user, "f", kMemory);
  house.submit(other, "g", kMemory);
  CHECK(told(house, user, all) == "accepted:f ");
  CHECK(told(house, user, one).empty());
}

TEST_CASE("C9 a durable job, and an end under a name, is told when it is on disk") {
  ReadyHouse house;
  const SessionId client = house.connect(kUser);
  const std::uint64_t number = house.ask(client, message::Subscribe{});
  house.hold_commits();
  house.submit(client, "f", Options().remember("n", 1min));
  CHECK(house.written<change::InsertJob>().size() == 1);
  CHECK(told(house, client, number).empty());
  house.commit();
  CHECK(told(house, client, number) == "accepted:f started:f ");
  house.finish(house.workers()[0]);
  CHECK(told(house, client, number) == "accepted:f started:f ");
  house.commit();
  CHECK(told(house, client, number) == "accepted:f started:f succeeded:f ");
}

TEST_CASE(
    "C9 a job that somebody hears to be accepted is written at once; without a subscriber it may wait for "
    "its end") {
  for (const bool subscribed : {false, true}) {
    CAPTURE(subscribed);
    ReadyHouse house;
    const SessionId client = house.connect(kUser);
    house.submit(client, "f");
    house.finish(house.workers()[0]);  // its function is a quick one
    if (subscribed) house.ask(client, message::Subscribe{});
    const std::size_t before = house.written<change::InsertJob>().size();
    house.submit(client, "f");
    CHECK(house.written<change::InsertJob>().size() == before + (subscribed ? 1 : 0));
  }
}

TEST_CASE("C9 a job that waits on disk is told of too") {
  Settings settings = one_pool();
  settings.limits.max_in_memory = 1;
  ReadyHouse house(settings);
  house.load_backlog = [](const effect::LoadBacklog&) { return std::vector<RecoveredJob>(); };
  const SessionId client = house.connect(kUser);
  for (int i = 0; i < 100; ++i) house.submit(client, "f");
  const std::uint64_t number = house.ask(client, message::Subscribe{});
  house.submit(client, "f", Options().queue("default"));
  REQUIRE(house.written<change::InsertJob>().back().backlog);
  CHECK(told(house, client, number) == "accepted:f ");
  CHECK(events(house, client)[0].id == house.written<change::InsertJob>().back().id);
}

TEST_CASE("C9 where nobody subscribes nothing is made, kept or sent") {
  ReadyHouse house;
  const SessionId client = house.connect(kUser);
  house.submit(client, "f", kMemory);
  house.finish(house.workers()[0]);
  CHECK(house.count<message::Events>(client) == 0);
  CHECK(house.status(client).limits[5].used == 0);
}

TEST_CASE("C9 M4 a job that is told to run again is told of between its two ends") {
  ReadyHouse house;
  const SessionId client = house.connect(kUser);
  const JobId id = house.submit(client, "f");
  const std::uint64_t number = house.ask(client, message::Subscribe{});
  house.fail(house.workers()[0], of_exception());
  house.ask(client, message::RetryJob{{id, {}}});
  house.finish(house.workers()[0]);
  CHECK(told(house, client, number) == "failed:f retried:f started:f succeeded:f ");
}

TEST_CASE("C9 a composite without members is told to be accepted before it is told to have ended") {
  for (const Durability durability : {Durability::durable, Durability::memory}) {
    ReadyHouse house;
    const SessionId client = house.connect(kUser);
    const SessionId watcher = house.connect(kUser);
    const std::uint64_t number = house.ask(watcher, message::Subscribe{});
    Tree tree(Composite::serial, MemberFailure::go_on, Options().durability(durability));
    tree.composite(Composite::parallel);
    tree.submit(house, client);
    CHECK(told(house, watcher, number) ==
          "accepted:serial accepted:parallel succeeded:parallel succeeded:serial ");
  }
}
