// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

/// The scheduler learns how long f usually takes.
void teach(House& house, SessionId client, Nanos run) {
  for (int i = 0; i < 60; ++i) {
    house.submit(client);
    house.finish(house.workers()[0], "r", run);
  }
}

}  // namespace

TEST_CASE("Q1 jobs leave a queue in submission order, higher priorities first, and queues take turns") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId running = house.submit(client);
  const JobId a = house.submit(client);
  const JobId low = house.submit(client, "f", Options{}.priority(-1));
  const JobId b = house.submit(client, "g");
  const JobId high = house.submit(client, "f", Options{}.priority(5));
  const JobId other_queue = house.submit(client, "f", Options{}.queue("q"));
  for (const JobId& id : {running, other_queue, high, a, b, low}) CHECK(house.finish(worker, "r", 1s) == id);
}

TEST_CASE("a function that has never run is not put behind another job") {
  ReadyHouse house;
  const auto client = house.connect();
  for (int i = 0; i < 5; ++i) house.submit(client);
  CHECK(house.hand(house.workers()[0]).channel.size() == 1);
}

TEST_CASE("short jobs are prefetched, to the length of the window and no further") {
  ReadyHouse house;
  const auto client = house.connect();
  teach(house, client, 100us);
  for (int i = 0; i < 100; ++i) house.submit(client);
  const auto depth = house.hand(house.workers()[0]).channel.size();
  CHECK(depth > 10);
  CHECK(depth <= 21);
}

TEST_CASE("prefetched jobs count as pending, and only the first of a channel as running") {
  ReadyHouse house;
  const auto client = house.connect();
  teach(house, client, 10us);
  const JobId first = house.submit(client);
  const JobId second = house.submit(client);
  CHECK(house.hand(house.workers()[0]).channel.size() == 2);
  CHECK(house.show(client, first).state == State::running);
  CHECK(house.show(client, second).state == State::pending);
  CHECK(house.show(client, second).attempts == 0);
}

TEST_CASE("long jobs are not prefetched") {
  ReadyHouse house;
  const auto client = house.connect();
  teach(house, client, 50ms);
  for (int i = 0; i < 3; ++i) house.submit(client);
  CHECK(house.hand(house.workers()[0]).channel.size() == 1);
}

TEST_CASE("an idle worker is preferred to a place behind another job") {
  ReadyHouse house(one_pool(2));
  const auto client = house.connect();
  teach(house, client, 10us);
  for (int i = 0; i < 2; ++i) house.submit(client);
  CHECK(house.hand(house.workers()[0]).channel.size() == 1);
  CHECK(house.hand(house.workers()[1]).channel.size() == 1);
}

TEST_CASE("a short job behind one that turns out long is taken back and runs on another worker") {
  ReadyHouse house(one_pool(2));
  const auto client = house.connect();
  teach(house, client, 10us);
  const WorkerId slow = house.workers()[0], quick = house.workers()[1];
  std::vector<JobId> jobs;
  for (int i = 0; i < 6; ++i) jobs.push_back(house.submit(client));
  house.begin(slow);
  while (!house.hand(quick).channel.empty()) house.finish(quick);
  house.wait(kStall);
  // All but the one that runs have left the slow worker.
  CHECK(house.hand(slow).channel.size() == 1);
  while (!house.hand(quick).channel.empty()) house.finish(quick);
  for (std::size_t i = 1; i < jobs.size(); ++i) CHECK(house.ended(client, jobs[i]));
  CHECK_FALSE(house.ended(client, jobs[0]));
}

TEST_CASE("prefetch = 1 gives a worker one job at a time") {
  ReadyHouse house(prefetching(1));
  const auto client = house.connect();
  teach(house, client, 1us);
  for (int i = 0; i < 5; ++i) house.submit(client);
  CHECK(house.hand(house.workers()[0]).channel.size() == 1);
}

TEST_CASE("E1 a run of an impossible length is no more than a very long one") {
  ReadyHouse house(prefetching(200));
  const auto client = house.connect();
  for (int i = 0; i < 3; ++i) {
    house.submit(client);
    house.finish(house.workers()[0], "result", Nanos::max());
  }
  for (int i = 0; i < 200; ++i) house.submit(client);
  CHECK(house.hand(house.workers()[0]).channel.size() == 200);
}

TEST_CASE("prefetch = n gives a worker n jobs, whatever they take") {
  ReadyHouse house(prefetching(4));
  const auto client = house.connect();
  for (int i = 0; i < 10; ++i) house.submit(client);
  CHECK(house.hand(house.workers()[0]).channel.size() == 4);
}

TEST_CASE("A4 an at-most-once job starts only when its start is on disk, and alone") {
  ReadyHouse house;
  const auto client = house.connect();
  teach(house, client, 1us);
  const WorkerId worker = house.workers()[0];
  house.hold_commits();
  const JobId id = house.submit(client, "f", Options{}.at_most_once());
  house.submit(client);
  CHECK(house.hand(worker).channel.empty());
  REQUIRE(house.written<change::StartJob>().size() == 1);
  CHECK(house.written<change::StartJob>()[0].id == id);
  house.commit();
  REQUIRE(house.hand(worker).channel.size() == 1);
  CHECK(house.finish(worker) == id);
  CHECK(house.hand(worker).channel.size() == 1);
}

TEST_CASE("Q6 a pool takes jobs only from the queues that it is configured for") {
  auto settings = one_pool();
  settings.pools[0].queues = {"mine", "client-*"};
  ReadyHouse house(settings);
  const auto client = house.connect();
  const JobId other = house.submit(client);
  const JobId mine = house.submit(client, "f", Options{}.queue("mine"));
  CHECK(house.finish(house.workers()[0]) == mine);
  const JobId of_client = house.submit(client, "f", Options{}.queue("client-17"));
  CHECK(house.finish(house.workers()[0]) == of_client);
  CHECK(house.hand(house.workers()[0]).channel.empty());
  CHECK(house.show(client, other).reason == "pool main does not take jobs of queue default");
}

TEST_CASE("an attempt that has run for a while is written, so that a restart counts it as interrupted") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  CHECK(house.written<change::StartJob>().empty());
  house.wait(kStall);
  REQUIRE(house.written<change::StartJob>().size() == 1);
  CHECK(house.written<change::StartJob>()[0].id == id);
  house.wait(1s);
  CHECK(house.written<change::StartJob>().size() == 1);
}

TEST_CASE("an idle daemon has nothing due") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client);
  house.finish(house.workers()[0]);
  house.ask(client, std::monostate{}, {}, 1);
  house.wait(1s);
  CHECK_FALSE(house.scheduler.next_due(house.now));
}
