// SPDX-License-Identifier: Apache-2.0
// E6 The configuration is read anew: what becomes of a pool that is in both, its workers and its jobs.
#include <doctest/doctest.h>

#include <csignal>

#include "tests/unit/decide/reload.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("E6 what makes other processes necessary, and what does not") {
  const PoolSettings before = one_pool().pools[0];
  const auto change = [&](const std::function<void(PoolSettings&)>& f) {
    return compare(before, with(before, f));
  };
  CHECK(compare(before, before) == PoolChange::none);
  CHECK(change([](auto& p) { p.size = 7; }) == PoolChange::policy);
  CHECK(change([](auto& p) { p.size_max = 7; }) == PoolChange::policy);
  CHECK(change([](auto& p) { p.idle_time = 7s; }) == PoolChange::policy);
  CHECK(change([](auto& p) { p.recycle_jobs = 7; }) == PoolChange::policy);
  CHECK(change([](auto& p) { p.recycle_time = 7s; }) == PoolChange::policy);
  CHECK(change([](auto& p) { p.recycle_memory = 7; }) == PoolChange::policy);
  CHECK(change([](auto& p) { p.queues = {"q"}; }) == PoolChange::policy);
  CHECK(change([](auto& p) { p.functions = {"f"}; }) == PoolChange::policy);
  CHECK(change([](auto& p) { p.prefetch = 7; }) == PoolChange::policy);
  CHECK(change([](auto& p) { p.run_timeout = 7s; }) == PoolChange::policy);
  CHECK(change([](auto& p) { p.kill_grace = 7s; }) == PoolChange::policy);
  CHECK(change([](auto& p) { p.start_timeout = 7s; }) == PoolChange::policy);
  CHECK(change([](auto& p) { p.program = "/x"; }) == PoolChange::process);
  CHECK(change([](auto& p) { p.arguments = {"x"}; }) == PoolChange::process);
  CHECK(change([](auto& p) { p.environment["X"] = "1"; }) == PoolChange::process);
  CHECK(change([](auto& p) { p.directory = "/x"; }) == PoolChange::process);
  CHECK(change([](auto& p) { p.user = "x"; }) == PoolChange::process);
  CHECK(change([](auto& p) { p.memory_limit = 7; }) == PoolChange::process);
  CHECK(change([](auto& p) { p.open_files = 70; }) == PoolChange::process);
}

TEST_CASE("E6 another file at the program's path is another program, unless it cannot be told") {
  const PoolSettings unknown = one_pool().pools[0];
  const PoolSettings first = with(unknown, [](auto& p) { p.program_version = "1"; });
  const PoolSettings second = with(unknown, [](auto& p) { p.program_version = "2"; });
  CHECK(compare(first, second) == PoolChange::process);
  CHECK(compare(unknown, second) == PoolChange::none);
  CHECK(compare(first, unknown) == PoolChange::none);
}

TEST_CASE("E6 a pool that has not changed is not touched") {
  ReadyHouse house(one_pool(2));
  const auto client = house.connect();
  const auto before = house.workers();
  const JobId job = house.submit(client);
  house.reconfigure(house.settings.pools);
  CHECK(house.workers() == before);
  CHECK(staying(house) == before);
  CHECK(house.finish(before[0]) == job);
}

TEST_CASE("E6 a changed pool rolls over: one new worker first, then all, and each sends an old one home") {
  ReadyHouse house(prefetching(4, 3));
  const auto client = house.connect();
  const auto old = house.workers();
  std::vector<JobId> jobs;
  for (int i = 0; i < 5; ++i) jobs.push_back(house.submit(client));
  for (const WorkerId id : old) house.begin(id);
  house.reconfigure({other_program(house.settings.pools[0])});
  REQUIRE(house.workers().size() == 4);
  CHECK(house.hand(house.workers()[3]).pool->program == "/bin/false");
  CHECK(house.hand(old[0]).pool->program == "/bin/true");
  CHECK(staying(house).size() == 4);
  CHECK(pool(house, client).state == "ready");
  CHECK(pool(house, client).workers == 3);

  house.ready(house.workers()[3]);
  CHECK(house.workers().size() == 6);
  CHECK(pool(house, client).workers == 3);
  CHECK(pool(house, client).draining == 1);
  house.ready(house.workers()[4]);
  house.ready(house.workers()[5]);
  CHECK(pool(house, client).draining == 3);
  CHECK(pool(house, client).busy == 3);
  for (const WorkerId id : staying(house)) CHECK(house.hand(id).channel.empty());  // size jobs run, not more
  for (const WorkerId id : old) {
    CHECK(house.hand(id).channel.size() == 1);  // what had not begun went back
    house.finish(id);
    house.gone(id, 0);
  }
  for (const WorkerId id : house.workers()) {
    while (!house.hand(id).channel.empty()) house.finish(id);
  }
  for (const JobId& job : jobs) {
    REQUIRE(house.ended(client, job));
    CHECK(house.ended(client, job)->state == State::succeeded);
  }
  CHECK(pool(house, client).crashes == 0);
  CHECK(pool(house, client).workers == 3);
  CHECK(pool(house, client).program == "/bin/false");
}

TEST_CASE(
    "E6 old workers that are free run what they can, also behind jobs that only the new program can run") {
  for (const auto& [queue, priority] : {std::pair{"default", 0}, {"default", 9}, {"other", 0}}) {
    CAPTURE(queue);
    CAPTURE(priority);
    ReadyHouse house(prefetching(1, 2));
    const auto client = house.connect();
    house.reconfigure({other_program(house.settings.pools[0])});
    house.ready(house.workers()[2], {"f", "g", "new"});
    const WorkerId old = staying(house)[0], young = staying(house)[1];
    const JobId first = house.submit(client, "new");
    REQUIRE(house.begin(young).id == first);
    house.submit(client, "new", Options().queue(queue).priority(priority));
    house.wait(1s);
    std::vector<JobId> known;
    for (const char* function : {"f", "g", "f"}) known.push_back(house.submit(client, function));
    for (const JobId& job : known) CHECK(house.finish(old) == job);
    CHECK(house.hand(old).channel.empty());
  }
}

TEST_CASE("E6 while the new program does not start the old workers serve, and the pool is failing") {
  ReadyHouse house(prefetching(1, 2));
  const auto client = house.connect();
  const auto old = house.workers();
  house.reconfigure({other_program(house.settings.pools[0])});
  house.gone(house.workers()[2], 0, 1, "no license\n");
  CHECK(pool(house, client).state == "failing");
  CHECK(pool(house, client).reason ==
        "/bin/false: it exited with status 1 before it was ready; it wrote: no license");
  CHECK(pool(house, client).workers == 2);
  CHECK(house.status(client).health == "degraded");
  const JobId first = house.submit(client);
  const JobId second = house.submit(client);
  CHECK(house.finish(old[0]) == first);
  CHECK(house.finish(old[1]) == second);
  house.submit(client);
  house.submit(client);
  const JobId waits = house.submit(client);
  CHECK(house.show(client, waits).reason == "pool main has no free worker");
  house.wait(pool(house, client).retry_in);
  REQUIRE(house.workers().size() == 3);
  house.start_failed(house.workers()[2], "no");
  CHECK(staying(house) == old);

  // The former configuration again: those that are there are what it wants.
  house.reconfigure(house.settings.pools);
  CHECK(pool(house, client).state == "ready");
  CHECK(house.status(client).health == "ok");
  CHECK(house.workers() == old);
  house.wait(1h);
  CHECK(house.workers() == old);
}

TEST_CASE("E6 I7 what the old workers end does not make the new program be tried more often") {
  ReadyHouse house(one_pool(1));
  const auto client = house.connect();
  const WorkerId old = house.workers()[0];
  house.reconfigure({other_program(house.settings.pools[0])});
  Nanos last{0};
  for (int i = 0; i < 4; ++i) {
    house.start_failed(house.workers().back(), "no");
    house.submit(client);
    house.finish(old);
    CHECK(pool(house, client).retry_in > last);
    last = pool(house, client).retry_in;
    house.wait(last);
  }
}

TEST_CASE("E6 the old workers leave when the new program starts at last") {
  ReadyHouse house(one_pool(2));
  const auto client = house.connect();
  house.reconfigure({other_program(house.settings.pools[0])});
  house.start_failed(house.workers()[2], "no");
  house.wait(1s);
  house.ready(house.workers()[2]);
  CHECK(pool(house, client).state == "ready");
  REQUIRE(house.workers().size() == 4);
  house.ready(house.workers()[3]);
  CHECK(pool(house, client).draining == 2);
}

TEST_CASE("E6 a second change before the first has come to its end replaces the workers of both") {
  ReadyHouse house(one_pool(1));
  const auto client = house.connect();
  const WorkerId first = house.workers()[0];
  house.reconfigure({other_program(house.settings.pools[0])});
  const WorkerId second = house.workers()[1];
  house.reconfigure({with(house.settings.pools[0], [](auto& p) { p.program = "/bin/third"; })});
  const WorkerId third = house.workers()[2];
  CHECK(house.hand(second).told_to_stop);
  CHECK_FALSE(house.hand(first).told_to_stop);
  house.ready(third);
  CHECK(house.hand(first).told_to_stop);
  CHECK(staying(house) == std::vector<WorkerId>{third});
  house.gone(second, 0);
  house.gone(first, 0);
  CHECK(pool(house, client).crashes == 0);
  CHECK(pool(house, client).state == "ready");
}

TEST_CASE("E6 another size is reached with the workers that are there") {
  struct Case {
    std::uint32_t before, least, most;
    std::size_t staying;
  };
  for (const Case& c :
       {Case{2, 4, 0, 4}, Case{4, 2, 0, 2}, Case{3, 1, 8, 3}, Case{3, 1, 2, 2}, Case{2, 0, 4, 2}}) {
    CAPTURE(c.before);
    CAPTURE(c.least);
    ReadyHouse house(one_pool(c.before));
    const auto client = house.connect();
    const auto before = house.workers();
    house.submit(client);
    house.begin(before[0]);
    house.reconfigure({with(house.settings.pools[0], [&](auto& p) {
      p.size = c.least;
      p.size_max = c.most;
    })});
    CHECK(staying(house).size() == c.staying);
    CHECK_FALSE(house.hand(before[0]).told_to_stop);  // those that have nothing to do leave first
    house.wait(house.settings.pools[0].idle_time);
    CHECK(staying(house).size() == std::max<std::size_t>(c.least, 1));
  }
}

TEST_CASE("E6 a shorter run_timeout holds for what runs already") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  house.submit(client);
  house.begin(worker);
  house.wait(500ms);  // all that was to be looked at has been
  house.reconfigure({with(house.settings.pools[0], [](auto& p) { p.run_timeout = 1s; })});
  house.wait(500ms);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM});
}

TEST_CASE("E6 a pool takes jobs from the queues that it is configured for now") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  house.reconfigure({with(house.settings.pools[0], [](auto& p) { p.queues = {"mine"}; })});
  const JobId theirs = house.submit(client);
  const JobId mine = house.submit(client, "f", Options{}.queue("mine"));
  CHECK(house.finish(worker) == mine);
  CHECK(house.show(client, theirs).reason == "pool main does not take jobs of queue default");
  house.reconfigure(house.settings.pools);
  CHECK(house.finish(worker) == theirs);
}

TEST_CASE("E6 Q6 a pool offers, of what its workers said once, what it is configured for now") {
  auto settings = prefetching(4);
  settings.pools[0].functions = {"g"};
  House house(settings);
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  house.ready(worker, {"f", "g", "h"});
  const JobId first = house.submit(client, "g");
  const JobId held_ready = house.submit(client, "g");
  CHECK(house.begin(worker).function == 1);
  const auto narrow = [&](const std::vector<std::string>& functions) {
    house.reconfigure({with(house.settings.pools[0], [&](auto& p) { p.functions = functions; })});
  };
  narrow({"f", "h"});
  CHECK(house.workers() == std::vector{worker});
  CHECK_FALSE(house.hand(worker).told_to_stop);
  CHECK(house.hand(worker).channel.size() == 1);
  CHECK(house.finish(worker) == first);  // it had begun
  CHECK(house.hand(worker).channel.empty());
  CHECK(house.show(client, held_ready).reason == "no pool offers the function g");
  CHECK(pool(house, client).functions.size() == 2);
  const JobId other = house.submit(client, "h");
  CHECK(house.begin(worker).function == 2);
  CHECK(house.finish(worker) == other);
  narrow({});
  CHECK(pool(house, client).functions.size() == 3);
  CHECK(house.finish(worker) == held_ready);
  CHECK(pool(house, client).crashes == 0);
}

TEST_CASE("E6 Q6 what a pool without a worker is known to have is offered by its configuration of now") {
  auto settings = one_pool(0);
  settings.pools[0].size_max = 1;
  House house(settings);
  const auto client = house.connect();
  house.ready(house.workers()[0], {"f", "g"});
  house.wait(house.settings.pools[0].idle_time);
  house.gone(house.workers()[0], 0);
  REQUIRE(house.workers().empty());
  house.reconfigure({with(house.settings.pools[0], [](auto& p) { p.functions = {"g"}; })});
  house.submit(client, "f");
  CHECK(house.last<message::Refused>(client).code == "no_function");
  const JobId id = house.submit(client, "g");
  house.ready(house.workers().at(0), {"f", "g"});
  CHECK(house.finish(house.workers()[0]) == id);
}

TEST_CASE("E6 I7 a pool of whose functions a new configuration leaves nothing is failing, until one does") {
  for (const std::uint32_t size : {0U, 2U}) {
    CAPTURE(size);
    auto settings = one_pool(size);
    settings.pools[0].size_max = 2;
    House house(settings);
    const auto client = house.connect();
    for (const WorkerId id : house.workers()) house.ready(id);
    for (const WorkerId id : house.workers()) house.ready(id);
    const JobId running = house.submit(client);
    const WorkerId worker = house.workers()[0];
    house.begin(worker);
    house.reconfigure({with(house.settings.pools[0], [](auto& p) { p.functions = {"x", "y*"}; })});
    CHECK(pool(house, client).state == "failing");
    CHECK(pool(house, client).reason ==
          "/bin/true: functions = x, y* in [pool.main] lets through none of what it registers: f, g");
    house.submit(client);
    CHECK(house.last<message::Refused>(client).code == "no_function");
    CHECK(house.finish(worker) == running);
    for (const WorkerId id : house.workers()) {
      CHECK(house.hand(id).told_to_stop);
      house.gone(id, 0);
    }
    house.wait(pool(house, client).retry_in);
    REQUIRE(house.workers().size() == 1);
    house.ready(house.workers()[0]);
    CHECK(house.hand(house.workers()[0]).signals == std::vector<int>{SIGKILL});
    house.gone(house.workers()[0], SIGKILL);
    CHECK(pool(house, client).state == "failing");
    house.reconfigure(house.settings.pools);
    const JobId next = house.submit(client);
    REQUIRE_FALSE(house.workers().empty());
    house.ready(house.workers()[0]);
    CHECK(pool(house, client).state == "ready");
    CHECK(house.finish(house.workers()[0]) == next);
  }
}

TEST_CASE("E6 Q6 while a new program does not start the old one offers what it was configured for") {
  ReadyHouse house;
  const auto client = house.connect();
  house.reconfigure({with(other_program(house.settings.pools[0]), [](auto& p) { p.functions = {"h"}; })});
  const JobId id = house.submit(client, "f");
  CHECK(house.finish(house.workers()[0]) == id);
  house.ready(house.workers()[1], {"f", "h"});
  house.submit(client, "f");
  CHECK(house.last<message::Refused>(client).code == "no_function");
  const JobId next = house.submit(client, "h");
  CHECK(house.begin(house.workers()[1]).function == 1);
  CHECK(house.finish(house.workers()[1]) == next);
}
