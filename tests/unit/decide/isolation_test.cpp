// SPDX-License-Identifier: Apache-2.0
// Jobs in processes of their own: what is lost with one of these, and what the worker goes on with (SEMANTICS
// I1).
#include <doctest/doctest.h>

#include <csignal>

#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

Settings apart() {
  Settings settings = one_pool();
  settings.pools[0].isolation = Isolation::job;
  return settings;
}

/// One worker, whose job runs in a process of its own.
struct HouseApart : ReadyHouse {
  HouseApart() : ReadyHouse(apart()) {}

  /// A job that runs, and is to be ended by SIGTERM now.
  JobId cancel_until_sigterm() {
    const JobId id = submit(client);
    begin(worker);
    ask(client, message::Cancel{{id, {}}});
    wait(settings.pools[0].kill_grace);
    return id;
  }

  const SessionId client = connect();
  const WorkerId worker = workers()[0];
};

}  // namespace

TEST_CASE("I1 the crash of a job's own process fails the job, and its worker goes on") {
  HouseApart house;
  const JobId id = house.submit(house.client);
  Failure crash;
  crash.cause = Cause::crashed;
  crash.signal = SIGSEGV;
  crash.backtrace = "#0 here";
  crash.output = "about to crash\n";
  CHECK(house.fail(house.worker, crash) == id);
  const auto ended = house.ended(house.client, id);
  REQUIRE(ended);
  CHECK(ended->failure.cause == Cause::crashed);
  CHECK(ended->failure.signal == SIGSEGV);
  CHECK(ended->failure.backtrace == "#0 here");
  CHECK(ended->failure.output == "about to crash\n");
  CHECK(ended->failure.attempt == 1);
  CHECK(ended->failure.message ==
        "the process of the job was killed by signal 11 (Segmentation fault) after 0 ms");
  CHECK(house.status(house.client).pools.at(0).crashes == 1);
  const JobId next = house.submit(house.client);
  CHECK(house.finish(house.worker) == next);
}

TEST_CASE("I1 SIGTERM ends the process of a job alone: its worker is given the next job, and no SIGKILL") {
  HouseApart house;
  const JobId id = house.cancel_until_sigterm();
  CHECK(house.hand(house.worker).signals == std::vector<int>{SIGTERM});
  Failure ended_by;
  ended_by.cause = Cause::crashed;
  ended_by.signal = SIGTERM;
  house.fail(house.worker, ended_by);
  CHECK(house.ended(house.client, id)->state == State::cancelled);
  const JobId next = house.submit(house.client);
  house.begin(house.worker);
  house.wait(house.settings.pools[0].kill_grace);
  CHECK(house.hand(house.worker).signals == std::vector<int>{SIGTERM});
  CHECK(house.finish(house.worker) == next);
  CHECK(house.status(house.client).pools.at(0).crashes == 0);
}

TEST_CASE("I1 a process of a job that crashed as it was to be ended takes its worker along") {
  HouseApart house;
  const JobId id = house.cancel_until_sigterm();
  Failure crash;
  crash.cause = Cause::crashed;
  crash.signal = SIGSEGV;
  house.fail(house.worker, crash);
  CHECK(house.ended(house.client, id)->state == State::cancelled);
  // SIGTERM may still come to the worker, or have come to nobody.
  house.wait(house.settings.pools[0].kill_grace);
  CHECK(house.hand(house.worker).signals == std::vector<int>{SIGTERM, SIGKILL});
}

TEST_CASE("I1 I2 a worker is replaced after its last job, also where the process of that crashed") {
  Settings settings = apart();
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

TEST_CASE("A2 I7 a job that the kernel has no process for goes back, as often as that is so") {
  HouseApart house;
  const JobId id = house.submit(house.client);
  const JobId once = house.submit(house.client, "f", Options{}.at_most_once());
  constexpr int kTimes = 6;
  for (int i = 0; i < kTimes; ++i) {
    const WorkerId worker = house.workers().at(0);
    if (i > 0) house.ready(worker);
    house.gone(worker, 0, message::kNoProcessForJob, "no process\n");
    CHECK(house.show(house.client, id).state == State::pending);
    CHECK(house.show(house.client, id).attempts == 0);
    const PoolView pool = house.status(house.client).pools.at(0);
    CHECK(pool.state == "failing");
    CHECK(pool.reason == "/bin/true: there was no process to run a job in; it wrote: no process");
    CHECK(pool.retry_in == 100ms * (1 << i));
    house.wait(pool.retry_in);
  }
  CHECK(house.status(house.client).pools.at(0).crashes == 0);
  CHECK(house.logged.size() == 1);
  const WorkerId worker = house.workers().at(0);
  house.ready(worker);
  CHECK(house.finish(worker) == id);
  CHECK(house.ended(house.client, id)->state == State::succeeded);
  // It may be without a process at any moment: what is told to have recovered stays so.
  CHECK(house.logged.size() == 1);
  house.wait(kQuiet);
  CHECK(house.finish(worker) == once);
  CHECK(house.logged.back() == "info: pool main has recovered: all its workers are ready");
}

TEST_CASE("A4 I1 one that is to run at most once goes back too, and has been told of nothing else") {
  HouseApart house;
  const JobId once = house.submit(house.client, "f", Options{}.at_most_once());
  SUBCASE("there was no process for it") {
    house.gone(house.worker, 0, message::kNoProcessForJob);
    CHECK(house.show(house.client, once).state == State::pending);
  }
  SUBCASE("it had told of itself") {
    house.handle(event::AttemptProgress{house.worker, 0, 1, {}});
    house.gone(house.worker, 0, message::kNoProcessForJob);
    CHECK(house.ended(house.client, once)->failure.cause == Cause::exited);
  }
}

TEST_CASE("I1 where the worker itself has gone, it is the worker that is named") {
  HouseApart house;
  const JobId id = house.submit(house.client);
  house.begin(house.worker);
  house.gone(house.worker, SIGKILL);
  CHECK(house.ended(house.client, id)->failure.message ==
        "the worker was killed by signal 9 (Killed) after 0 ms");
}

TEST_CASE("A2 what a worker that a job has spoilt has not begun goes back uncounted, also if at most once") {
  ReadyHouse house(prefetching(4));
  const auto client = house.connect();
  house.submit(client);
  const WorkerId worker = house.workers()[0];
  house.finish(worker);
  const JobId spoils = house.submit(client);
  house.begin(worker);
  const auto leave = [&] { house.handle(event::WorkerLeaves{worker, "job x (f) has changed its user"}); };
  const auto ends_without = [&](const JobId& next) {
    CHECK(house.hand(worker).told_to_stop);
    CHECK(house.hand(worker).channel.empty());
    CHECK(house.show(client, next).state == State::pending);
    CHECK(house.show(client, next).attempts == 0);
    CHECK(house.logged ==
          std::vector<std::string>{
              "warning: a worker of pool main (pid 101) is replaced: job x (f) has changed its user"});
    house.gone(worker, 0);
    CHECK(house.status(client).pools.at(0).crashes == 0);
    CHECK(house.status(client).pools.at(0).state == "ready");
    house.ready(house.workers().at(0));
    CHECK(house.finish(house.workers()[0]) == next);
  };
  SUBCASE("it says so before the job ends") {
    const JobId next = house.submit(client);
    leave();
    CHECK(house.finish(worker) == spoils);
    ends_without(next);
  }
  SUBCASE("it says so when the next was given to it already") {
    const JobId next = house.submit(client, "f", Options{}.at_most_once());
    CHECK(house.finish(worker) == spoils);
    REQUIRE(house.hand(worker).channel.size() == 1);
    leave();
    ends_without(next);
  }
}

TEST_CASE("I the log has the first worker that a job has spoilt, and then one of ever more") {
  ReadyHouse house;
  const auto client = house.connect();
  for (int i = 0; i < 5; ++i) {
    house.submit(client);
    const WorkerId worker = house.workers().at(0);
    house.finish(worker);
    house.handle(event::WorkerLeaves{worker, std::string(5000, 'x')});
    house.gone(worker, 0);
    house.ready(house.workers().at(0));
  }
  REQUIRE(house.logged.size() == 3);
  CHECK(house.logged[0].ends_with("x"));
  CHECK(house.logged[0].size() < 2000);
  CHECK(house.logged[1].ends_with("x (2 so far)"));
  CHECK(house.logged[2].ends_with("x (4 so far)"));
}

TEST_CASE(
    "I7 a worker that exits before it is ready with the status of one without a process is told as that") {
  House house(apart());
  const auto client = house.connect();
  house.gone(house.workers().at(0), 0, message::kNoProcessForJob);
  CHECK(house.status(client).pools.at(0).reason == "/bin/true: it exited with status 75 before it was ready");
}
