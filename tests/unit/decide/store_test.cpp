// SPDX-License-Identifier: Apache-2.0
// Check, backup and compact, as decide sees them: who may, one at a time, who is told.
#include <doctest/doctest.h>

#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

constexpr uid_t kRoot = 0;

Settings with_users() {
  Settings settings = one_pool();
  settings.access.everyone = true;
  return settings;
}

}  // namespace

TEST_CASE("an administrator's command goes to the store, and what comes of it is told") {
  ReadyHouse house;
  const auto admin = house.connect(kRoot);
  const auto number = house.ask(admin, message::StoreCommand{StoreTask::backup, "/mnt/b"});
  REQUIRE(house.maintained.size() == 1);
  CHECK(house.maintained[0].task == StoreTask::backup);
  CHECK(house.maintained[0].path == "/mnt/b");
  CHECK(house.count<message::StoreDone>(admin) == 0);
  StoreReport report;
  report.task = StoreTask::backup;
  report.path = "/mnt/b";
  report.jobs = 7;
  house.handle(event::StoreMaintained{report, {}});
  CHECK(house.last<message::StoreDone>(admin).report == report);
  CHECK(house.sent(admin).back().reply.number == number);
}

TEST_CASE("M6 a user who is no administrator may not have anything done to the store") {
  ReadyHouse house(with_users());
  const auto user = house.connect(1000);
  for (const StoreTask task : {StoreTask::check, StoreTask::backup, StoreTask::compact}) {
    house.ask(user, message::StoreCommand{task, {}});
    const auto& refused = house.last<message::Refused>(user);
    CHECK(refused.code == "not_permitted");
    CHECK(refused.message ==
          "only an administrator may have the store checked, backed up or compacted, and user 1000 is none "
          "(section [access], key admins, says who is)");
  }
  CHECK(house.maintained.empty());
}

TEST_CASE("a second one is refused and names the first, until that has ended") {
  Settings settings = with_users();
  settings.access.admins = {1005};
  ReadyHouse house(settings);
  const auto first = house.connect(1005), second = house.connect(kRoot);
  const std::pair<StoreTask, std::string> tasks[] = {{StoreTask::check, "checking the store"},
                                                     {StoreTask::backup, "backing up the store"},
                                                     {StoreTask::compact, "compacting the store"}};
  for (const auto& [task, doing] : tasks) {
    house.ask(first, message::StoreCommand{task, {}});
    house.wait(90s);
    house.around.maintenance_percent = 43;
    house.ask(second, message::StoreCommand{StoreTask::check, {}});
    CHECK(house.last<message::Refused>(second).code == "busy");
    CHECK(house.last<message::Refused>(second).message ==
          "the daemon has been " + doing +
              " for user 1005 for 90 s, and 43 % of it is done; try again when that has "
              "ended (`promisectl status` shows it)");
    house.handle(event::StoreMaintained{});
  }
  house.ask(second, message::StoreCommand{StoreTask::check, {}});
  CHECK(house.maintained.size() == 4);
}

TEST_CASE("what cannot be done is refused with what the store says of it") {
  ReadyHouse house;
  const auto admin = house.connect(kRoot);
  house.ask(admin, message::StoreCommand{StoreTask::check, {}});
  house.handle(event::StoreMaintained{{}, Problem::of("store", "there is no room")});
  CHECK(house.last<message::Refused>(admin).code == "store");
  CHECK(house.last<message::Refused>(admin).message == "there is no room");
}

TEST_CASE("the store is worked on to the end though who asked has gone") {
  ReadyHouse house;
  const auto admin = house.connect(kRoot);
  house.ask(admin, message::StoreCommand{StoreTask::check, {}});
  house.disconnect(admin);
  CHECK(house.maintenance_stops == 0);
  const auto other = house.connect(kRoot);
  house.ask(other, message::StoreCommand{StoreTask::check, {}});
  CHECK(house.last<message::Refused>(other).code == "busy");
  house.handle(event::StoreMaintained{});
  CHECK(house.count<message::StoreDone>(admin) == 0);
  house.ask(other, message::StoreCommand{StoreTask::check, {}});
  CHECK(house.maintained.size() == 2);
}

TEST_CASE("M1 the status shows administrators what is done to the store, and how far it is") {
  ReadyHouse house(with_users());
  const auto admin = house.connect(kRoot), user = house.connect(1000);
  CHECK(house.status(admin).maintenance.empty());
  house.ask(admin, message::StoreCommand{StoreTask::backup, {}});
  house.around.maintenance_percent = 43;
  CHECK(house.status(admin).maintenance == "backup");
  CHECK(house.status(admin).maintenance_percent == 43);
  CHECK(house.status(user).maintenance.empty());
  CHECK(house.status(user).maintenance_percent == 0);
  house.handle(event::StoreMaintained{});
  CHECK(house.status(admin).maintenance.empty());
}

TEST_CASE("E6 a daemon that stops gives up what it does to the store, and ends when that has been told") {
  ReadyHouse house;
  const auto admin = house.connect(kRoot);
  house.ask(admin, message::StoreCommand{StoreTask::backup, {}});
  house.scheduler.drain(house.now, house.plan);
  house.turn();
  CHECK(house.maintenance_stops == 1);
  for (const WorkerId worker : house.workers()) house.gone(worker, 0);
  CHECK_FALSE(house.scheduler.drained());
  house.ask(admin, message::StoreCommand{StoreTask::check, {}});
  CHECK(house.last<message::Refused>(admin).code == "interrupted");
  CHECK(house.last<message::Refused>(admin).message ==
        "the daemon is stopping; ask the one that comes after it");
  house.handle(event::StoreMaintained{{}, Problem::of("interrupted", "given up")});
  CHECK(house.last<message::Refused>(admin).message == "given up");
  CHECK(house.scheduler.drained());
}
