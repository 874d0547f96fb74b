// SPDX-License-Identifier: Apache-2.0
// A worker that does not begin what it was given: it is stopped, or somebody has written into the page in
// which it says what it has begun.
#include <doctest/doctest.h>

#include <csignal>

#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

/// start_timeout is half a minute. The worker has run a job.
struct ProvenHouse : ReadyHouse {
  explicit ProvenHouse(Settings s = one_pool()) : ReadyHouse(std::move(s)), client(connect()) {
    submit(client);
    finish(worker);
  }

  SessionId client;
  const WorkerId worker = workers()[0];
};

}  // namespace

TEST_CASE("I a worker that does not begin its job within start_timeout is replaced; the job is uncounted") {
  ProvenHouse house;
  const JobId id = house.submit(house.client);
  house.wait(30s - 1ms);
  CHECK(house.hand(house.worker).signals.empty());
  CHECK(house.show(house.client, id).state == State::running);
  house.wait(1ms);
  CHECK(house.hand(house.worker).signals == std::vector<int>{SIGKILL});
  CHECK(house.show(house.client, id).state == State::pending);
  CHECK(house.hand(house.worker).channel.empty());

  house.gone(house.worker, SIGKILL);
  CHECK(house.logged.back() ==
        "warning: a worker of pool main (pid 101) has broken its protocol and was killed: it did not begin "
        "what it was given within start_timeout (30000 ms)");
  const WorkerId next = house.workers().at(0);
  house.ready(next);
  CHECK(house.show(house.client, id).state == State::running);
  CHECK(house.show(house.client, id).attempts == 1);
  CHECK(house.finish(next) == id);
  CHECK(house.status(house.client).pools[0].state == "ready");
  CHECK(house.status(house.client).pools[0].crashes == 0);
}

TEST_CASE("I a job that has begun may take as long as it likes, and it is asked for once") {
  ProvenHouse house;
  const JobId id = house.submit(house.client);
  house.begin(house.worker);
  for (int i = 0; i < 5; ++i) house.wait(30s);
  CHECK(house.hand(house.worker).signals.empty());
  CHECK_FALSE(house.scheduler.next_due(house.now));
  CHECK(house.finish(house.worker) == id);
}

TEST_CASE("I jobs that are taken back again and again do not keep a worker that begins none") {
  ProvenHouse house;
  const auto not_begun = [&](Nanos duration) {
    const JobId id = house.submit(house.client);
    house.wait(duration);
    house.ask(house.client, message::Cancel{{id, {}}});
    house.wait(10min);  // without a job there is nothing to begin
  };
  not_begun(20s);
  CHECK(house.hand(house.worker).signals.empty());
  SUBCASE("what it has failed to begin adds up") {
    not_begun(9s);
    CHECK(house.hand(house.worker).signals.empty());
    not_begun(1s);
    CHECK(house.hand(house.worker).signals == std::vector<int>{SIGKILL});
  }
  SUBCASE("a job that it begins clears it") {
    house.submit(house.client);
    house.finish(house.worker);
    not_begun(29s);
    CHECK(house.hand(house.worker).signals.empty());
  }
}

TEST_CASE("I a worker that has not been told of its job, for want of the disk, is not to have begun it") {
  ProvenHouse house;
  house.hold_commits();
  const JobId id = house.submit(house.client, "f", Options{}.at_most_once());
  house.wait(30s);
  house.wait(29s);
  CHECK(house.hand(house.worker).signals.empty());
  house.commit();
  REQUIRE(house.hand(house.worker).channel.size() == 1);
  CHECK(house.hand(house.worker).channel[0].id == id);
  house.wait(1s);
  CHECK(house.hand(house.worker).signals.empty());
  house.wait(30s);
  CHECK(house.hand(house.worker).signals == std::vector<int>{SIGKILL});
}

TEST_CASE("I7 a pool whose workers do not begin the first job of their life is failing") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client);
  house.wait(30s);
  house.gone(house.workers()[0], SIGKILL);
  CHECK(house.status(client).pools[0].state == "failing");
  CHECK(house.status(client).pools[0].reason ==
        "/bin/true: it broke the worker protocol: it did not begin what it was given within start_timeout "
        "(30000 ms)");
  CHECK(house.workers().empty());
  house.wait(house.status(client).pools[0].retry_in);
  CHECK(house.workers().size() == 1);
}
