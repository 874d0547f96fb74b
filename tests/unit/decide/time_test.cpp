// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <csignal>

#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("T1 a job that waits longer than its timeout is expired, without any worker's help") {
  House house;
  const auto client = house.connect();
  house.ready(house.workers()[0]);
  house.submit(client);
  const JobId id = house.submit(client, "f", Options{}.timeout(5s));
  house.wait(5s - 1ms);
  CHECK_FALSE(house.ended(client, id));
  CHECK(house.scheduler.next_due(house.now) == Nanos(1ms));
  house.wait(1ms);
  CHECK(house.ended(client, id)->state == State::expired);
}

TEST_CASE("T1 a prefetched job expires too, and one that has begun does not") {
  ReadyHouse house(prefetching(4));
  const auto client = house.connect();
  const JobId begun = house.submit(client, "f", Options{}.timeout(1s));
  const JobId behind = house.submit(client, "f", Options{}.timeout(1s));
  house.begin(house.workers()[0]);
  house.wait(1s);
  CHECK(house.ended(client, behind)->state == State::expired);
  CHECK_FALSE(house.ended(client, begun));
  CHECK(house.finish(house.workers()[0]) == begun);
}

TEST_CASE("T3 a job over its run_timeout gets SIGTERM, then SIGKILL, and is timed_out") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId id = house.submit(client, "f", Options{}.run_timeout(3s));
  house.begin(worker);
  house.wait(2s);
  CHECK(house.hand(worker).signals.empty());
  house.wait(1s);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM});
  house.wait(2s);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM, SIGKILL});
  house.gone(worker, SIGKILL, 0, "still working\n");
  const auto ended = house.ended(client, id);
  CHECK(ended->failure.cause == Cause::timed_out);
  CHECK(ended->failure.limit == "run_timeout");
  CHECK(ended->failure.message == "it ran for longer than run_timeout (3000 ms)");
  CHECK(ended->failure.output == "still working\n");
  CHECK(house.status(client).pools[0].crashes == 0);
}

TEST_CASE("T3 the pool's run_timeout binds where the job has a longer one or none") {
  auto settings = one_pool();
  settings.pools[0].run_timeout = 1s;
  ReadyHouse house(settings);
  const auto client = house.connect();
  house.submit(client, "f", Options{}.run_timeout(1h));
  house.begin(house.workers()[0]);
  house.wait(1s);
  CHECK(house.hand(house.workers()[0]).signals == std::vector<int>{SIGTERM});
}

TEST_CASE("T3 what is prefetched behind a job that hangs does not wait for its timeout") {
  ReadyHouse house(prefetching(3, 2));
  const auto client = house.connect();
  const WorkerId hanging = house.workers()[0], other = house.workers()[1];
  std::vector<JobId> jobs;
  for (int i = 0; i < 6; ++i) jobs.push_back(house.submit(client, "f", Options{}.run_timeout(1min)));
  house.begin(hanging);
  for (int i = 0; i < 3; ++i) house.finish(other);
  house.wait(kStall);
  CHECK(house.hand(hanging).channel.size() == 1);
  CHECK(house.hand(other).channel.size() == 2);
}

TEST_CASE("R6 names that lapse at one moment go in steps, so that nobody has to wait for all of them") {
  ReadyHouse house(prefetching(16));
  const auto client = house.connect();
  for (int i = 0; i < 2500; ++i) {
    house.submit(client, "f", Options{}.remember("name " + std::to_string(i), 1h));
    house.finish(house.workers()[0]);
  }
  CHECK(house.written<change::DeleteJob>().empty());
  house.wait(1h);
  CHECK(house.written<change::DeleteJob>().size() == 1000);
  CHECK(house.scheduler.next_due(house.now) == Nanos(0));
  house.turn();
  house.turn();
  CHECK(house.written<change::DeleteJob>().size() == 2500);
  CHECK(house.scheduler.next_due(house.now) > Nanos(0));
}

TEST_CASE("T1 jobs that expire at one moment go in steps, so that nobody has to wait for all of them") {
  House house;
  const auto client = house.connect();
  house.ready(house.workers()[0]);
  for (int i = 0; i < 2500; ++i)
    house.submit(client, "f", Options{}.timeout(1h).durability(Durability::memory));
  const auto pending = [&] {
    return house.status(client).jobs_by_state[static_cast<std::size_t>(State::pending)];
  };
  const std::uint64_t before = pending();
  house.now.steady += 1h;
  house.now.wall += 1h;
  house.turn();
  CHECK(house.scheduler.next_due(house.now) == Nanos(0));
  CHECK(pending() > 0);
  CHECK(pending() < before);
  while (house.scheduler.next_due(house.now) == Nanos(0)) house.turn();
  CHECK(pending() == 0);
}

TEST_CASE("limits can be changed after the submission, and are durable") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId running = house.submit(client);
  const JobId waiting = house.submit(client);
  house.begin(house.workers()[0]);
  house.ask(client, message::Adjust{waiting, 2s, {}});
  CHECK(house.last<message::Known>(client).effect);
  house.ask(client, message::Adjust{running, {}, 3s});
  CHECK(house.written<change::AdjustJob>().size() == 2);
  house.wait(2s);
  CHECK(house.ended(client, waiting)->state == State::expired);
  house.wait(1s);
  CHECK(house.hand(house.workers()[0]).signals == std::vector<int>{SIGTERM});
  house.ask(client, message::Adjust{waiting, 2s, {}});
  CHECK_FALSE(house.last<message::Known>(client).effect);
}
