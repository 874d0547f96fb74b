// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <csignal>

#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("I7 a pool whose workers cannot be started is failing, with the reason and a growing pause") {
  House house;
  const auto client = house.connect();
  Nanos last{0};
  for (int i = 0; i < 4; ++i) {
    house.start_failed(house.workers().back(), "/opt/x: No such file or directory");
    const auto pool = house.status(client).pools[0];
    CHECK(pool.state == "failing");
    CHECK(pool.reason == "/opt/x: No such file or directory");
    CHECK(pool.retry_in > last);
    last = pool.retry_in;
    house.wait(pool.retry_in);
  }
  CHECK(house.status(client).health == "degraded");
  CHECK(house.status(client).problems[0] == "pool main is failing: /opt/x: No such file or directory");
  house.ready(house.workers().back());
  CHECK(house.status(client).pools[0].state == "ready");
  CHECK(house.status(client).health == "ok");
}

TEST_CASE("I7 the pause between tries grows to half a minute and no further") {
  House house;
  const auto client = house.connect();
  for (int i = 0; i < 20; ++i) {
    house.start_failed(house.workers().back(), "no");
    house.wait(house.status(client).pools[0].retry_in);
  }
  house.start_failed(house.workers().back(), "no");
  CHECK(house.status(client).pools[0].retry_in == 30s);
}

TEST_CASE("I7 a worker that exits at once makes its pool failing, with its last words") {
  House house;
  const auto client = house.connect();
  house.gone(house.workers()[0], 0, 7, "cannot open /etc/key\n");
  CHECK(house.status(client).pools[0].reason ==
        "/bin/true: it exited with status 7 before it was ready; it wrote: cannot open /etc/key");
}

TEST_CASE("I7 a worker that says nothing within start_timeout is killed and its pool failing") {
  House house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  house.wait(house.settings.pools[0].start_timeout);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGKILL});
  house.gone(worker, SIGKILL);
  CHECK(house.status(client).pools[0].reason ==
        "/bin/true: it did not say what it can run within start_timeout (30000 ms)");
}

TEST_CASE("I7 a worker that registers no function is killed and its pool failing") {
  House house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  house.ready(worker, {});
  house.gone(worker, SIGKILL);
  CHECK(house.status(client).pools[0].reason == "/bin/true: it registered no function");
}

TEST_CASE("Q6 a pool offers of what its program registers only what functions lets through") {
  auto settings = one_pool();
  settings.pools[0].functions = {"report.*", "g"};
  settings.pools.push_back(settings.pools[0]);
  settings.pools[1].name = "other";
  settings.pools[1].functions = {};
  House house(settings);
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  house.ready(worker, {"f", "report.a", "g", "report"});
  house.ready(house.workers()[1], {"f"});
  const StatusView status = house.status(client);
  std::vector<std::string> offered;
  for (const auto& function : status.pools[0].functions) offered.push_back(function.name);
  CHECK(offered == std::vector<std::string>{"report.a", "g"});
  const JobId theirs = house.submit(client, "f");
  CHECK(house.hand(worker).channel.empty());
  CHECK(house.finish(house.workers()[1]) == theirs);
  // By its place in the worker's own list.
  const JobId mine = house.submit(client, "g");
  CHECK(house.begin(worker).function == 2);
  CHECK(house.finish(worker) == mine);
  house.submit(client, "report");
  CHECK(
      house.last<message::Refused>(client).message ==
      "no pool offers the function \"report\"; did you mean report.a? (the program of pool main has it, but "
      "functions in [pool.main] does not let it through)");
}

TEST_CASE("I7 a pool whose functions lets nothing through is failing, and says what its program has") {
  auto settings = one_pool();
  settings.pools[0].functions = {"x"};
  House house(settings);
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  house.ready(worker, {"a", "b", "c", "d", "e", "f", "g"});
  house.gone(worker, SIGKILL);
  CHECK(house.status(client).pools[0].reason ==
        "/bin/true: functions = x in [pool.main] lets through none of what it registers: a, b, c, d, e and 2 "
        "more");
  CHECK(house.status(client).pools[0].functions.empty());
}

TEST_CASE("I7 a worker that goes as soon as it was ready, with nothing to do, is not restarted in a hurry") {
  ReadyHouse house;
  const auto client = house.connect();
  house.gone(house.workers()[0], 0, 0);
  CHECK(house.workers().empty());
  CHECK(house.status(client).pools[0].reason == "/bin/true: it exited with status 0 as soon as it was ready");
}

TEST_CASE("I7 nor is one that took its time until it was ready") {
  House house;
  const auto client = house.connect();
  house.wait(3s);
  house.ready(house.workers()[0]);
  house.gone(house.workers()[0], 0, 0);
  CHECK(house.workers().empty());
  CHECK(house.status(client).pools[0].state == "failing");
}

TEST_CASE("I7 the jobs of a failing pool wait, and say why; others are not touched") {
  auto settings = one_pool();
  settings.pools.push_back(settings.pools[0]);
  settings.pools[1].name = "other";
  House house(settings);
  const auto client = house.connect();
  house.ready(house.workers()[0], {"f"});
  house.ready(house.workers()[1], {"g"});
  house.gone(house.workers()[0], SIGKILL);
  const JobId waits = house.submit(client, "f");
  const JobId runs = house.submit(client, "g");
  CHECK(house.finish(house.workers()[0]) == runs);
  CHECK(house.show(client, waits).reason ==
        "pool main is failing: /bin/true: it was killed by signal 9 (Killed) as soon as it was ready");
}

TEST_CASE("a pool that serves is not failing because one more worker did not start") {
  House house(one_pool(2));
  const auto client = house.connect();
  const auto workers = house.workers();
  house.ready(workers[0]);
  house.start_failed(workers[1], "no more processes");
  CHECK(house.status(client).pools[0].state == "ready");
  house.wait(1s);
  CHECK(house.workers().size() == 2);
}

TEST_CASE("a pool is filled to its size, and refilled when a worker crashes") {
  ReadyHouse house(one_pool(3));
  const auto client = house.connect();
  CHECK(house.workers().size() == 3);
  house.submit(client);
  house.begin(house.workers()[0]);
  house.gone(house.workers()[0], SIGABRT);
  CHECK(house.workers().size() == 3);
}

TEST_CASE("a replaced program's functions take over as its workers come") {
  ReadyHouse house(one_pool(2));
  const auto client = house.connect();
  const auto before = house.workers();
  house.submit(client, "g");
  house.begin(before[0]);
  house.gone(before[0], SIGKILL);
  house.ready(house.workers().back(), {"h"});
  house.submit(client, "f");
  CHECK(house.last<message::Refused>(client).code == "no_function");
  const JobId id = house.submit(client, "h");
  CHECK(house.hand(before[1]).channel.empty());
  CHECK(house.finish(house.workers().back()) == id);
}

TEST_CASE("I7 a pool of which some workers start and others do not says so, until all are there") {
  House house(prefetching(1, 3));
  const auto client = house.connect();
  house.ready(house.workers()[0]);
  house.start_failed(house.workers()[1], "no licence");
  house.ready(house.workers()[1]);
  const auto pool = [&] { return house.status(client).pools[0]; };
  CHECK(pool().state == "ready");
  CHECK(pool().reason == "no licence");
  CHECK(pool().retry_in > Millis(0));
  CHECK(house.status(client).health == "degraded");
  CHECK(house.status(client).problems ==
        std::vector<std::string>{"pool main has 2 of 3 workers, for others do not start: no licence"});
  for (int i = 0; i < 2; ++i) house.submit(client);
  const JobId waits = house.submit(client);
  CHECK(house.show(client, waits).reason ==
        "pool main has no free worker, and others do not start: no licence");
  // A reload that changes nothing tries at once, whatever pause is left.
  house.reconfigure(house.settings.pools);
  REQUIRE(house.workers().size() == 3);
  house.logged.clear();
  house.ready(house.workers()[2]);
  CHECK(house.logged == std::vector<std::string>{"info: pool main has recovered: all its workers are ready"});
  CHECK(pool().reason.empty());
  CHECK(house.status(client).health == "ok");
}

TEST_CASE(
    "E6 a daemon that stops waits for no worker that starts, and for kill_grace for one that has no job") {
  House house(one_pool(2));
  const WorkerId idle = house.workers()[0];
  const WorkerId starting = house.workers()[1];
  house.ready(idle);
  house.scheduler.drain(house.now, house.plan);
  house.turn();
  CHECK(house.hand(starting).signals == std::vector<int>{SIGKILL});
  CHECK(house.hand(idle).told_to_stop);
  CHECK(house.hand(idle).signals.empty());
  house.gone(starting, SIGKILL);
  house.wait(house.settings.pools[0].kill_grace);
  CHECK(house.hand(idle).signals == std::vector<int>{SIGKILL});
  house.gone(idle, SIGKILL);
  CHECK(house.scheduler.drained());
}

TEST_CASE("E1 names that nobody offers any more are forgotten, however many there were") {
  ReadyHouse house;
  const auto client = house.connect();
  const auto replace_worker = [&](const std::string& called, const std::vector<std::string>& functions) {
    house.submit(client, called);
    house.begin(house.workers()[0]);
    house.gone(house.workers()[0], SIGKILL);
    house.ready(house.workers()[0], functions);
  };
  for (int i = 0; i < 50; ++i)
    replace_worker("g", {"g", "f" + std::to_string(i), "another" + std::to_string(i)});
  CHECK(house.scheduler.known_functions() == 3);
  replace_worker("f49", {"g"});
  CHECK(house.scheduler.known_functions() == 2);  // it has been called, and its lane is still there
}

TEST_CASE("E1 names are known as long as there is a worker that has them") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f");
  const WorkerId old = house.workers()[0];
  house.begin(old);
  PoolSettings pool = house.settings.pools[0];
  pool.program = "/bin/false";
  house.reconfigure({pool});
  house.ready(house.workers()[1], {"h"});
  CHECK(house.scheduler.known_functions() == 3);
  CHECK(house.finish(old) == id);
  house.gone(old, 0);
  CHECK(house.scheduler.known_functions() == 2);  // f has been called
}

TEST_CASE("E6 draining takes nothing new, lets running jobs end, and interrupts the rest after the grace") {
  ReadyHouse house(prefetching(4));
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId running = house.submit(client);
  house.submit(client);
  house.begin(worker);
  house.scheduler.drain(house.now, house.plan);
  house.turn();
  CHECK(house.hand(worker).told_to_stop);
  CHECK(house.hand(worker).channel.size() == 1);
  CHECK(house.scheduler.running() == 1);
  house.submit(client);
  CHECK(house.last<message::Refused>(client).message == "the daemon is stopping and accepts no more jobs");
  CHECK_FALSE(house.scheduler.drained());
  house.scheduler.stop_now(house.plan);
  house.turn();
  CHECK(house.hand(worker).signals == std::vector<int>{SIGKILL});
  house.gone(worker, SIGKILL);
  CHECK(house.scheduler.drained());
  CHECK(house.scheduler.running() == 0);
  CHECK_FALSE(house.ended(client, running));
  REQUIRE(house.written<change::RequeueJob>().size() == 1);
  CHECK(house.written<change::RequeueJob>()[0].interruptions == 1);
  CHECK(house.written<change::RequeueJob>()[0].attempts == 0);
}
