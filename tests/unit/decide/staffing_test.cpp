// SPDX-License-Identifier: Apache-2.0
// How many workers a pool has: by load, and each for how long (SEMANTICS I2).
#include <doctest/doctest.h>

#include <csignal>
#include <set>

#include "tests/unit/decide/house.hpp"
#include "tests/unit/decide/reload.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

Settings by_load(std::uint32_t least, std::uint32_t most) {
  Settings settings = one_pool(least);
  settings.pools[0].size_max = most;
  return settings;
}

/// Every worker that is still starting is ready.
void all_ready(House& house) {
  for (const WorkerId id : staying(house)) house.ready(id);
}

/// Those that were told to stop, and have nothing to do any more, exit.
void leave(House& house) {
  for (const WorkerId id : house.workers()) {
    if (house.hand(id).told_to_stop && house.hand(id).channel.empty()) house.gone(id, 0);
  }
}

}  // namespace

TEST_CASE("a pool by load begins with its least number of workers, and with one where that is none") {
  for (const std::uint32_t least : {0U, 1U, 3U}) {
    CAPTURE(least);
    House house(by_load(least, 5));
    CHECK(house.workers().size() == std::max(least, 1U));
  }
}

TEST_CASE("as many workers are added as jobs wait for one, up to the most") {
  struct Case {
    std::uint32_t least, most;
    int jobs;
    std::size_t workers;
  };
  for (const Case& c : {Case{1, 4, 1, 1}, Case{1, 4, 2, 2}, Case{1, 4, 3, 3}, Case{1, 4, 9, 4},
                        Case{2, 4, 2, 2}, Case{2, 4, 3, 3}, Case{0, 2, 2, 2}, Case{3, 3, 9, 3}}) {
    CAPTURE(c.least);
    CAPTURE(c.jobs);
    House house(by_load(c.least, c.most));
    all_ready(house);
    const auto client = house.connect();
    for (int i = 0; i < c.jobs; ++i) house.submit(client);
    CHECK(house.workers().size() == c.workers);
    CHECK(pool(house, client).size == c.workers);
    CHECK(pool(house, client).size_min == c.least);
    CHECK(pool(house, client).size_max == c.most);
  }
}

TEST_CASE("workers that are starting are waited for: no more are added than jobs wait") {
  ReadyHouse house(by_load(1, 8));
  const auto client = house.connect();
  for (int i = 0; i < 3; ++i) house.submit(client);
  CHECK(house.workers().size() == 3);
  house.wait(1s);
  house.submit(client);
  CHECK(house.workers().size() == 4);
  all_ready(house);
  CHECK(house.workers().size() == 4);
  CHECK(pool(house, client).busy == 4);
}

TEST_CASE(
    "a job that is held ready behind a short one adds no worker, one that waits behind a long one does") {
  ReadyHouse house(by_load(1, 8));
  const auto client = house.connect();
  house.submit(client);
  house.finish(house.workers()[0]);  // from now on it is known to be short
  for (int i = 0; i < 3; ++i) house.submit(client);
  CHECK(house.hand(house.workers()[0]).channel.size() == 3);
  CHECK(house.workers().size() == 1);
  house.begin(house.workers()[0]);
  house.wait(kStall);
  CHECK(house.hand(house.workers()[0]).channel.size() == 1);
  CHECK(house.workers().size() == 3);
}

TEST_CASE("a worker above the least that has had no job for idle_time is stopped, and no timer is left") {
  auto settings = by_load(1, 4);
  settings.pools[0].idle_time = 30s;
  ReadyHouse house(settings);
  const auto client = house.connect();
  for (int i = 0; i < 4; ++i) house.submit(client);
  all_ready(house);
  house.wait(1s);
  for (const WorkerId id : house.workers()) house.finish(id);
  house.wait(29s);
  CHECK(staying(house).size() == 4);
  house.submit(client);
  house.wait(500ms);
  house.finish(house.workers()[0]);  // which has been idle for less than the others
  house.wait(500ms);
  CHECK(staying(house) == std::vector<WorkerId>{house.workers()[0]});
  CHECK(pool(house, client).draining == 3);
  leave(house);
  house.wait(1h);
  CHECK(house.workers().size() == 1);
  CHECK(pool(house, client).crashes == 0);
  CHECK(pool(house, client).state == "ready");
  CHECK_FALSE(house.scheduler.next_due(house.now).has_value());
}

TEST_CASE("a pool without a worker remembers what it offers, and starts one for the next job") {
  ReadyHouse house(by_load(0, 2));
  const auto client = house.connect();
  house.wait(house.settings.pools[0].idle_time);
  leave(house);
  CHECK(house.workers().empty());
  CHECK(house.status(client).health == "ok");
  const JobId job = house.submit(client);
  CHECK(house.count<message::Refused>(client) == 0);
  REQUIRE(house.workers().size() == 1);
  CHECK(house.show(client, job).reason == "pool main has no worker yet: one is starting");
  house.ready(house.workers()[0]);
  CHECK(house.finish(house.workers()[0]) == job);
  CHECK(house.submit(client, "h") != job);
  CHECK(house.last<message::Refused>(client).code == "no_function");
}

TEST_CASE("I7 waiting jobs start no crowd while the pool is failing") {
  ReadyHouse house(by_load(0, 8));
  const auto client = house.connect();
  house.wait(house.settings.pools[0].idle_time);
  leave(house);
  house.submit(client);
  house.start_failed(house.workers()[0], "no");
  for (int i = 0; i < 5; ++i) house.submit(client);
  CHECK(house.workers().empty());
  house.wait(pool(house, client).retry_in);
  CHECK(house.workers().size() == 1);
  house.ready(house.workers()[0]);
  CHECK(house.workers().size() == 6);
}

TEST_CASE("a worker that was told to stop and does not exit within kill_grace is killed; that is no crash") {
  ReadyHouse house(by_load(0, 1));
  const auto client = house.connect();
  house.wait(house.settings.pools[0].idle_time);
  const WorkerId worker = house.workers()[0];
  CHECK(house.hand(worker).told_to_stop);
  CHECK(house.hand(worker).signals.empty());
  house.wait(house.settings.pools[0].kill_grace);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGKILL});
  house.gone(worker, SIGKILL);
  CHECK(pool(house, client).crashes == 0);
  CHECK(pool(house, client).state == "ready");
}

TEST_CASE("I2 a worker runs recycle_jobs jobs and no more, and its place does not stay empty") {
  auto settings = one_pool(1);
  settings.pools[0].recycle_jobs = 3;
  settings.pools[0].prefetch = 16;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const WorkerId first = house.workers()[0];
  for (int i = 0; i < 5; ++i) house.submit(client);
  CHECK(house.hand(first).channel.size() == 3);
  REQUIRE(house.workers().size() == 2);  // the replacement, which starts meanwhile
  const WorkerId second = house.workers()[1];
  house.ready(second);
  CHECK(house.hand(second).channel.empty());  // size is how many jobs run at once
  for (int i = 0; i < 3; ++i) house.finish(first);
  CHECK(house.hand(first).told_to_stop);
  CHECK(house.hand(second).channel.size() == 2);
  house.gone(first, 0);
  CHECK(house.workers().size() == 1);
  CHECK(pool(house, client).crashes == 0);
  CHECK(pool(house, client).workers == 1);
}

TEST_CASE("I2 a worker whose last job was taken back goes on, and the one in its place leaves") {
  auto settings = one_pool(1);
  settings.pools[0].recycle_jobs = 1;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const JobId job = house.submit(client);
  REQUIRE(house.workers().size() == 2);
  house.ask(client, message::Cancel{{job, {}}});
  house.ready(house.workers()[1]);
  house.wait(kKeepSurplus);
  CHECK(staying(house).size() == 1);
  house.submit(client);
  CHECK(house.hand(staying(house)[0]).channel.size() == 1);
}

TEST_CASE("I2 a worker is replaced after recycle_time, and serves until another is ready in its place") {
  auto settings = one_pool(1);
  settings.pools[0].recycle_time = 1h;
  settings.pools[0].prefetch = 4;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const WorkerId old = house.workers()[0];
  house.wait(1h);
  REQUIRE(house.workers().size() == 2);
  const WorkerId next = house.workers()[1];
  CHECK_FALSE(house.hand(old).told_to_stop);
  const JobId runs = house.submit(client);
  const JobId waits = house.submit(client);
  CHECK(house.hand(old).channel.size() == 2);
  house.begin(old);
  house.ready(next);
  CHECK(house.hand(old).told_to_stop);
  CHECK(house.hand(old).channel.size() == 1);
  CHECK(house.finish(old) == runs);
  CHECK(house.finish(next) == waits);
  CHECK(house.ended(client, waits)->state == State::succeeded);
  house.gone(old, 0);
  CHECK(pool(house, client).crashes == 0);
  CHECK(house.workers() == std::vector<WorkerId>{next});
}

TEST_CASE("I2 a busy worker that has grown old is replaced, but never inside a job") {
  auto settings = one_pool(1);
  settings.pools[0].recycle_time = 1s;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const WorkerId old = house.workers()[0];
  house.submit(client);
  house.begin(old);
  house.wait(1min);
  CHECK(house.workers().size() == 1);
  house.finish(old);
  CHECK(house.workers().size() == 2);
}

TEST_CASE("I2 a worker that takes more than recycle_memory after a job is replaced") {
  auto settings = one_pool(1);
  settings.pools[0].recycle_memory = 100 << 20;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  for (const std::uint64_t size : {50U << 20, 100U << 20}) {
    house.resident[worker] = size;
    house.submit(client);
    house.finish(worker);
    CHECK(house.workers().size() == 1);
  }
  house.resident[worker] = (100U << 20) + 1;
  house.submit(client);
  house.finish(worker);
  REQUIRE(house.workers().size() == 2);
  CHECK_FALSE(house.hand(worker).told_to_stop);
  house.ready(house.workers()[1]);
  CHECK(house.hand(worker).told_to_stop);
}

TEST_CASE("I2 a worn worker goes on while its replacement does not start") {
  auto settings = one_pool(1);
  settings.pools[0].recycle_time = 1h;
  ReadyHouse house(settings);
  const auto client = house.connect();
  house.wait(1h);
  house.start_failed(house.workers()[1], "no more processes");
  CHECK(pool(house, client).state == "ready");
  const JobId job = house.submit(client);
  CHECK(house.finish(house.workers()[0]) == job);
  house.wait(1min);
  CHECK(house.workers().size() == 2);
}

TEST_CASE("a worker that dies in the last job of its life has crashed, and the job has failed") {
  auto settings = one_pool(1);
  settings.pools[0].recycle_time = 1h;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const WorkerId old = house.workers()[0];
  house.wait(1h);
  const JobId job = house.submit(client);
  house.begin(old);
  house.ready(house.workers()[1]);
  CHECK(house.hand(old).told_to_stop);
  house.gone(old, SIGSEGV);
  CHECK(house.ended(client, job)->failure.cause == Cause::crashed);
  CHECK(pool(house, client).crashes == 1);
}

TEST_CASE("E6 a configuration that is taken back offers again what its workers have") {
  ReadyHouse house(one_pool());
  const auto client = house.connect();
  auto other = house.settings.pools;
  other[0].program = "/bin/false";
  other[0].size = 2;
  house.reconfigure(other);
  house.ready(house.workers()[1], {"h"});
  const JobId waiting = house.submit(client, "h");
  house.reconfigure(house.settings.pools);
  const JobId job = house.submit(client, "f");
  CHECK(house.finish(house.workers()[0]) == job);
  CHECK(house.ended(client, job));
  CHECK_FALSE(house.ended(client, waiting));
}
