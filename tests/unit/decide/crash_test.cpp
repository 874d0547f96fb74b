// SPDX-License-Identifier: Apache-2.0
// Jobs that are tried again when their worker crashes, and those that crash it again and again (SEMANTICS A2,
// A3).
#include <doctest/doctest.h>

#include <csignal>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

/// The worker that is there begins its job, and crashes; the next one is ready.
void crash(House& house, int signal = SIGSEGV) {
  house.begin(house.workers()[0]);
  house.gone(house.workers()[0], signal, 0, "last words\n");
  house.ready(house.workers()[0]);
}

}  // namespace

TEST_CASE("A3 a job that asks for it is tried again after a crash, which counts as an attempt") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.retry_on(Retry::crash));
  const JobId next = house.submit(client);
  crash(house);
  CHECK_FALSE(house.ended(client, id));
  const auto run = house.begin(house.workers()[0]);
  CHECK(run.id == id);  // at its old place
  CHECK(run.attempt == 2);
  const JobView view = house.show(client, id);
  CHECK(view.crashes == 1);
  CHECK(view.retry_on == Retry::crash);
  CHECK(view.failure == Failure{});
  CHECK(view.last_failure.cause == Cause::crashed);
  CHECK(view.last_failure.signal == SIGSEGV);
  CHECK(view.last_failure.attempt == 1);
  CHECK(view.last_failure.output == "last words\n");
  CHECK(house.finish(house.workers()[0], "done") == id);
  CHECK(house.ended(client, id)->state == State::succeeded);
  CHECK(house.finish(house.workers()[0]) == next);
}

TEST_CASE("A3 after max_crashes a job is quarantined, with the count and what is known of the last one") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.remember("n", 1min).retry_on(Retry::crash));
  crash(house);
  crash(house);
  CHECK_FALSE(house.ended(client, id));
  crash(house, SIGABRT);
  const auto ended = house.ended(client, id);
  REQUIRE(ended);
  CHECK(ended->state == State::failed);
  CHECK(ended->failure.cause == Cause::quarantined);
  CHECK(ended->failure.message ==
        "its worker crashed 3 times, as often as max_crashes allows; the last time: the worker was killed by "
        "signal 6 (Aborted) after 0 ms");
  CHECK(ended->failure.signal == SIGABRT);
  CHECK(ended->failure.attempt == 3);
  CHECK(ended->failure.output == "last words\n");
  const JobView view = house.show(client, id);
  CHECK(view.crashes == 3);
  CHECK(view.failure.cause == Cause::quarantined);
  CHECK(view.last_failure == Failure{});
  CHECK(house.written<change::EndJob>().back().crashes == 3);
}

TEST_CASE("A3 max_crashes is what the configuration says") {
  auto settings = one_pool();
  settings.limits.max_crashes = 1;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.retry_on(Retry::crash));
  crash(house);
  CHECK(house.ended(client, id)->failure.message.starts_with("its worker crashed 1 time, as often as"));
}

TEST_CASE("A2 a crash without retry_on is final, and an exit without an answer counts as a crash") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId final = house.submit(client);
  crash(house);
  CHECK(house.ended(client, final)->failure.cause == Cause::crashed);
  const JobId again = house.submit(client, "f", Options{}.retry_on(Retry::crash));
  house.begin(house.workers()[0]);
  house.gone(house.workers()[0], 0, 7);
  CHECK(house.show(client, again).last_failure.cause == Cause::exited);
  CHECK(house.show(client, again).last_failure.exit_code == 7);
}

TEST_CASE("A3 an exception and a time limit are final, whatever is tried again after crashes") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId thrown = house.submit(client, "f", Options{}.retry_on(Retry::crash));
  Failure failure;
  failure.cause = Cause::exception;
  house.fail(house.workers()[0], failure);
  CHECK(house.ended(client, thrown)->failure.cause == Cause::exception);
  const JobId late = house.submit(client, "f", Options{}.retry_on(Retry::crash).run_timeout(1s));
  house.begin(house.workers()[0]);
  house.wait(1s);
  house.gone(house.workers()[0], SIGTERM);
  CHECK(house.ended(client, late)->failure.cause == Cause::timed_out);
}

TEST_CASE("A3 the count and the last failure are written with each crash, and come back") {
  RecoveredJob kept;
  {
    ReadyHouse house;
    const auto client = house.connect();
    kept.id = house.submit(client, "f", Options{}.retry_on(Retry::crash));
    crash(house);
    crash(house);
    const auto requeued = house.written<change::RequeueJob>();
    REQUIRE(requeued.size() == 2);
    CHECK(requeued[1].attempts == 2);
    CHECK(requeued[1].crashes == 2);
    CHECK(requeued[1].failure.cause == Cause::crashed);
    kept.owner = 1000;
    kept.function = "f";
    kept.options = house.written<change::InsertJob>().at(0).options;
    kept.submitted = house.now.wall - 1h;
    kept.attempts = requeued[1].attempts;
    kept.crashes = requeued[1].crashes;
    kept.failure = requeued[1].failure;
  }
  House house(one_pool(), [&](House& h) { h.scheduler.restore(kept, h.now, h.plan); });
  house.ready(house.workers()[0]);
  const auto client = house.connect();
  CHECK(house.show(client, kept.id).crashes == 2);
  CHECK(house.show(client, kept.id).last_failure == kept.failure);
  crash(house);
  CHECK(house.show(client, kept.id).failure.cause == Cause::quarantined);
  CHECK(house.show(client, kept.id).failure.attempt == 3);
}

TEST_CASE("A3 an interruption between crashes neither counts as one nor loses their count") {
  RecoveredJob kept;
  kept.id = new_job_id();
  kept.owner = 1000;
  kept.function = "f";
  kept.options.retry_on(Retry::crash);
  kept.started = true;
  kept.attempts = 2;
  kept.crashes = 1;
  kept.failure.cause = Cause::crashed;
  House house(one_pool(), [&](House& h) {
    kept.submitted = h.now.wall - 1s;
    h.scheduler.restore(kept, h.now, h.plan);
  });
  const auto requeued = house.written<change::RequeueJob>();
  REQUIRE(requeued.size() == 1);
  CHECK(requeued[0].attempts == 1);
  CHECK(requeued[0].interruptions == 1);
  CHECK(requeued[0].crashes == 1);
  CHECK(requeued[0].failure.cause == Cause::crashed);
}

TEST_CASE("A6 the timeout of a job that is tried again counts from its new queueing") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.retry_on(Retry::crash).timeout(10s));
  house.begin(house.workers()[0]);
  house.wait(9s);
  house.gone(house.workers()[0], SIGSEGV);
  house.wait(9s);
  CHECK(house.show(client, id).state == State::pending);
  house.wait(1s);
  CHECK(house.ended(client, id)->state == State::expired);
}

TEST_CASE("A3 a job that runs at most once cannot be tried again, and the submission says so") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client, "f", Options{}.at_most_once().retry_on(Retry::crash));
  CHECK(house.last<message::Refused>(client).code == "bad_request");
  CHECK(house.last<message::Refused>(client).message ==
        "at_most_once and retry_on exclude each other: a job that runs at most once is not tried again");
}
