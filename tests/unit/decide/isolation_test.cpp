// SPDX-License-Identifier: Apache-2.0
// Jobs in processes of their own: what is lost with one of these, and what the worker goes on with (SEMANTICS
// I1).
#include <doctest/doctest.h>

#include <csignal>

#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("I1 the crash of a job's own process fails the job, and its worker goes on") {
  auto settings = one_pool();
  settings.pools[0].isolation = Isolation::job;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId id = house.submit(client);
  Failure crash;
  crash.cause = Cause::crashed;
  crash.signal = SIGSEGV;
  crash.backtrace = "#0 here";
  crash.output = "about to crash\n";
  CHECK(house.fail(worker, crash) == id);
  const auto ended = house.ended(client, id);
  REQUIRE(ended);
  CHECK(ended->failure.cause == Cause::crashed);
  CHECK(ended->failure.signal == SIGSEGV);
  CHECK(ended->failure.backtrace == "#0 here");
  CHECK(ended->failure.output == "about to crash\n");
  CHECK(ended->failure.attempt == 1);
  CHECK(ended->failure.message ==
        "the process of the job was killed by signal 11 (Segmentation fault) after 0 ms");
  CHECK(house.status(client).pools.at(0).crashes == 1);
  const JobId next = house.submit(client);
  CHECK(house.finish(worker) == next);
}

TEST_CASE("I1 SIGTERM ends the process of a job alone: its worker is given the next job, and no SIGKILL") {
  auto settings = one_pool();
  settings.pools[0].isolation = Isolation::job;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId id = house.submit(client);
  house.begin(worker);
  house.ask(client, message::Cancel{{id, {}}});
  house.wait(house.settings.pools[0].kill_grace);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM});
  Failure ended_by;
  ended_by.cause = Cause::crashed;
  ended_by.signal = SIGTERM;
  house.fail(worker, ended_by);
  CHECK(house.ended(client, id)->state == State::cancelled);
  const JobId next = house.submit(client);
  house.begin(worker);
  house.wait(house.settings.pools[0].kill_grace);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM});
  CHECK(house.finish(worker) == next);
  CHECK(house.status(client).pools.at(0).crashes == 0);
}

TEST_CASE("I1 a process of a job that crashed as it was to be ended takes its worker along") {
  auto settings = one_pool();
  settings.pools[0].isolation = Isolation::job;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId id = house.submit(client);
  house.begin(worker);
  house.ask(client, message::Cancel{{id, {}}});
  house.wait(house.settings.pools[0].kill_grace);
  Failure crash;
  crash.cause = Cause::crashed;
  crash.signal = SIGSEGV;
  house.fail(worker, crash);
  CHECK(house.ended(client, id)->state == State::cancelled);
  // SIGTERM may still come to the worker, or have come to nobody.
  house.wait(house.settings.pools[0].kill_grace);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM, SIGKILL});
}

TEST_CASE("I1 I2 a worker is replaced after its last job, also where the process of that crashed") {
  auto settings = one_pool();
  settings.pools[0].isolation = Isolation::job;
  settings.pools[0].recycle_jobs = 1;
  ReadyHouse house(settings);
  const auto client = house.connect();
  house.submit(client);
  const WorkerId worker = house.workers()[0];
  Failure crash;
  crash.cause = Cause::crashed;
  crash.signal = SIGSEGV;
  house.fail(worker, crash);
  CHECK(house.hand(worker).told_to_stop);
}
