// SPDX-License-Identifier: Apache-2.0
// Cancelling a running job in stages (SEMANTICS X).
#include <doctest/doctest.h>

#include <csignal>

#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

constexpr auto kGrace = 2s;

struct RunningJob : ReadyHouse {
  RunningJob() : client(connect()), worker(workers()[0]), id(submit(client)) {
    sequence = begin(worker).sequence;
  }
  void cancel(bool at_once = false, std::string reason = {}) {
    ask(client, message::Cancel{{id, {}}, at_once, std::move(reason)});
  }

  SessionId client;
  WorkerId worker;
  JobId id;
  std::uint32_t sequence = 0;
};

}  // namespace

TEST_CASE("X1 a running job is told, then gets SIGTERM, then SIGKILL, and is cancelled when it has stopped") {
  RunningJob house;
  REQUIRE(house.settings.pools[0].kill_grace == kGrace);
  house.cancel();
  CHECK(house.last<message::Known>(house.client).effect);
  CHECK(house.hand(house.worker).told_cancelled == house.sequence);
  house.wait(kGrace - 1ms);
  CHECK(house.hand(house.worker).signals.empty());
  house.wait(1ms);
  CHECK(house.hand(house.worker).signals == std::vector<int>{SIGTERM});
  house.wait(kGrace);
  CHECK(house.hand(house.worker).signals == std::vector<int>{SIGTERM, SIGKILL});
  CHECK_FALSE(house.ended(house.client, house.id));
  house.gone(house.worker, SIGKILL);
  CHECK(house.ended(house.client, house.id)->state == State::cancelled);
  CHECK(house.status(house.client).pools[0].crashes == 0);
}

TEST_CASE("X1 what a job returns or throws after it was cancelled is not its outcome, and its worker stays") {
  RunningJob house;
  house.cancel();
  SUBCASE("a value") {
    house.finish(house.worker);
  }
  SUBCASE("an exception") {
    Failure failure;
    failure.cause = Cause::exception;
    house.fail(house.worker, failure);
  }
  const auto ended = house.ended(house.client, house.id);
  REQUIRE(ended);
  CHECK(ended->state == State::cancelled);
  CHECK(ended->failure == Failure{});
  CHECK(ended->reason == "cancelled by user 1000 (test, pid 4711)");
  const JobId next = house.submit(house.client);
  house.wait(3 * kGrace);
  CHECK(house.finish(house.worker) == next);
  CHECK(house.hand(house.worker).signals.empty());
}

TEST_CASE("X1 a cancelled job whose worker crashes is cancelled") {
  RunningJob house;
  house.cancel();
  house.gone(house.worker, SIGSEGV);
  CHECK(house.ended(house.client, house.id)->state == State::cancelled);
}

TEST_CASE("X1 cancel now kills at once, also a job that has its grace already") {
  RunningJob house;
  std::vector<int> expected{SIGKILL};
  SUBCASE("at first") {}
  SUBCASE("after it was told") {
    house.cancel();
  }
  SUBCASE("after SIGTERM") {
    house.cancel();
    house.wait(kGrace);
    expected = {SIGTERM, SIGKILL};
  }
  house.cancel(true);
  CHECK(house.hand(house.worker).signals == expected);
  house.wait(3 * kGrace);
  CHECK(house.hand(house.worker).signals == expected);
  house.gone(house.worker, SIGKILL);
  CHECK(house.ended(house.client, house.id)->state == State::cancelled);
}

TEST_CASE("X1 who cancels first is kept, with the reason that was given") {
  RunningJob house;
  house.cancel(false, "not needed any more");
  const auto root = house.connect(0);
  house.ask(root, message::Cancel{{house.id, {}}, true, "hurry"});
  CHECK(house.last<message::Known>(root).effect);
  const std::string reason = "cancelled by user 1000 (test, pid 4711): not needed any more";
  CHECK(house.show(house.client, house.id).reason == reason);
  CHECK(house.written<change::CancelJob>().size() == 1);
  house.gone(house.worker, SIGKILL);
  CHECK(house.ended(house.client, house.id)->reason == reason);
  CHECK(house.written<change::EndJob>().back().reason == reason);
}

TEST_CASE("X1 a reason is kept up to 4 KiB") {
  RunningJob house;
  house.cancel(false, std::string(5000, 'x'));
  CHECK(house.show(house.client, house.id).reason ==
        "cancelled by user 1000 (test, pid 4711): " + std::string(4096, 'x'));
}

TEST_CASE("X1 a job over its run_timeout that is cancelled meanwhile is cancelled") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId id = house.submit(client, "f", Options{}.run_timeout(1s));
  house.begin(worker);
  house.wait(1s);
  house.ask(client, message::Cancel{{id, {}}, true, {}});
  CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM, SIGKILL});
  house.gone(worker, SIGKILL);
  CHECK(house.ended(client, id)->state == State::cancelled);
}

TEST_CASE("X2 cancelling a job that has ended changes nothing and says so") {
  RunningJob house;
  house.finish(house.worker);
  REQUIRE(house.ended(house.client, house.id)->state == State::succeeded);
  for (const bool at_once : {false, true}) {
    house.cancel(at_once);
    CHECK_FALSE(house.last<message::Known>(house.client).effect);
  }
  CHECK(house.hand(house.worker).signals.empty());
  CHECK_FALSE(house.hand(house.worker).told_cancelled);
}
