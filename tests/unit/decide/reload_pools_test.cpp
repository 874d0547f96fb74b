// SPDX-License-Identifier: Apache-2.0
// E6 The configuration is read anew: pools that come and go, and who may have it read.
#include <doctest/doctest.h>

#include "tests/unit/decide/reload.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("E6 a removed pool drains: running jobs end, waiting ones wait and say why, new ones are refused") {
  ReadyHouse house(prefetching(4));
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId running = house.submit(client);
  const JobId waiting = house.submit(client);
  house.begin(worker);
  house.reconfigure({});
  CHECK(house.hand(worker).told_to_stop);
  CHECK(pool(house, client).state == "draining");
  CHECK(pool(house, client).size == 0);
  CHECK(pool(house, client).draining == 1);
  CHECK(house.show(client, waiting).state == State::pending);
  CHECK(house.show(client, waiting).reason == "no pool offers the function f");
  house.submit(client);
  CHECK(house.last<message::Refused>(client).code == "no_function");
  CHECK(house.finish(worker) == running);
  CHECK(house.ended(client, running)->state == State::succeeded);
  house.gone(worker, 0);
  CHECK(house.status(client).pools.empty());
  CHECK(house.show(client, waiting).attempts == 0);

  house.reconfigure(house.settings.pools);
  REQUIRE(house.workers().size() == 1);
  house.ready(house.workers()[0]);
  CHECK(house.finish(house.workers()[0]) == waiting);
}

TEST_CASE("E6 a pool that is configured again while it drains is a new one beside it") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId old = house.workers()[0];
  const JobId running = house.submit(client);
  house.begin(old);
  house.reconfigure({});
  house.reconfigure(house.settings.pools);
  REQUIRE(house.workers().size() == 2);
  REQUIRE(house.status(client).pools.size() == 2);
  CHECK(house.status(client).pools[0].state == "draining");
  CHECK(house.status(client).pools[1].state == "starting");
  house.ready(house.workers()[1]);
  CHECK(house.finish(old) == running);
  house.gone(old, 0);
  CHECK(house.status(client).pools.size() == 1);
}

TEST_CASE("E6 a new pool starts, and who calls what it may offer waits for it") {
  auto settings = one_pool();
  ReadyHouse house(settings);
  const auto client = house.connect();
  house.reconfigure({settings.pools[0], with(settings.pools[0], [](auto& p) { p.name = "new"; })});
  REQUIRE(house.workers().size() == 2);
  const JobId job = house.submit(client, "h");
  CHECK(house.count<message::Refused>(client) == 0);
  house.ready(house.workers()[1], {"h"});
  CHECK(house.finish(house.workers()[1]) == job);
}

TEST_CASE("E6 a pool without a worker starts one to know what its new program offers") {
  auto settings = one_pool(0);
  settings.pools[0].size_max = 2;
  ReadyHouse house(settings);
  const auto client = house.connect();
  house.wait(settings.pools[0].idle_time);
  house.gone(house.workers()[0], 0);
  house.reconfigure({other_program(settings.pools[0])});
  REQUIRE(house.workers().size() == 1);
  house.ready(house.workers()[0], {"h"});
  house.submit(client, "f");
  CHECK(house.last<message::Refused>(client).code == "no_function");
  const JobId job = house.submit(client, "h");
  CHECK(house.finish(house.workers()[0]) == job);
}

TEST_CASE("E6 a failing pool is tried at once when the configuration is read anew") {
  House house;
  const auto client = house.connect();
  for (int i = 0; i < 8; ++i) {
    house.start_failed(house.workers()[0], "no");
    house.wait(pool(house, client).retry_in);
  }
  house.start_failed(house.workers()[0], "no");
  CHECK(house.workers().empty());
  house.reconfigure(house.settings.pools);
  CHECK(house.workers().size() == 1);
}

TEST_CASE("E6 an administrator may have the configuration read, and is told what came of it") {
  House house;
  const auto user = house.connect(1000);
  house.ask(user, message::Reload{});
  CHECK(house.reads.empty());
  CHECK(house.last<message::Refused>(user).code == "not_permitted");
  CHECK(
      house.last<message::Refused>(user).message ==
      "only an administrator may have the configuration read anew, and user 1000 is none (section [access], "
      "key admins, says who is)");
  const auto admin = house.connect(0);
  const std::uint64_t number = house.ask(admin, message::Reload{});
  REQUIRE(house.reads.size() == 1);
  event::Reconfigured read;
  read.session = house.reads[0].session;
  read.number = house.reads[0].number;
  read.pools = {std::make_shared<const PoolSettings>(house.settings.pools[0])};
  read.report.changed = {"limits.max_jobs"};
  house.handle(read);
  CHECK(house.last<message::Reloaded>(admin).report == read.report);
  CHECK(house.sent(admin).back().reply.number == number);

  read.pools.clear();
  read.problem = Problem::of("config", "/etc/x:3: unknown key");
  house.handle(read);
  CHECK(house.last<message::Refused>(admin).code == "config");
  CHECK(house.last<message::Refused>(admin).message == "/etc/x:3: unknown key");
  CHECK(house.status(admin).pools.size() == 1);
}

TEST_CASE("E6 who may not use the daemon any more loses the connection, and who may do more may at once") {
  House house;
  const auto user = house.connect(1000);
  const auto other = house.connect(1001);
  house.settings.access.everyone = false;
  house.settings.access.admins = {1001};
  house.reconfigure(house.settings.pools);
  CHECK(house.last<message::Refused>(user).code == "no_session");
  house.ask(user, message::StatusQuery{});
  CHECK(house.count<message::Status>(user) == 0);
  house.connect(1000);
  house.ask(other, message::Reload{});
  CHECK(house.reads.size() == 1);
}

TEST_CASE("E6 a daemon that is stopping starts nothing for a new configuration") {
  ReadyHouse house;
  const auto admin = house.connect(0);
  house.submit(admin);
  house.begin(house.workers()[0]);
  house.scheduler.drain(house.now, house.plan);
  house.turn();
  house.ask(admin, message::Reload{});
  CHECK(house.reads.empty());
  CHECK(house.last<message::Refused>(admin).code == "interrupted");
  CHECK(house.last<message::Refused>(admin).message ==
        "the daemon is stopping; the one that comes after it reads the configuration as it is");
  house.reconfigure({other_program(house.settings.pools[0])});
  CHECK(house.workers().size() == 1);
}
