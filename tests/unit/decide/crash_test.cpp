// SPDX-License-Identifier: Apache-2.0
// Jobs that are tried again when their worker crashes, and those that crash it again and again (SEMANTICS A2,
// A3).
#include <doctest/doctest.h>

#include <csignal>
#include <functional>
#include <utility>
#include <vector>

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

/// What the first job of a worker has told before that goes, whose page says that nothing has begun.
struct Sign {
  const char* what;
  std::function<void(House&, WorkerId, std::uint32_t)> tell;
};

/// The worker that is there goes and had not begun anything, as its page says.
void deny(House& house, int signal = SIGSEGV, int exit_code = 0) {
  house.gone(house.workers()[0], signal, exit_code);
  if (house.workers().empty()) house.wait(house.status(house.connect()).pools[0].retry_in);
  house.ready(house.workers()[0]);
}

}  // namespace

TEST_CASE("A2 a job that has reported anything had begun, whatever the page of its worker says") {
  const std::vector<Sign> signs{
      {"progress",
       [](House& h, WorkerId w, std::uint32_t s) {
         h.handle(event::AttemptProgress{w, s, 1, {}});
       }},
      {"a note",
       [](House& h, WorkerId w, std::uint32_t s) {
         h.handle(event::AttemptNote{w, s, 1, {"key", "x"}});
       }},
      {"a look at the notes",
       [](House& h, WorkerId w, std::uint32_t s) {
         h.handle(event::AttemptReadsNotes{w, s, 0});
       }},
      {"a part",
       [](House& h, WorkerId w, std::uint32_t s) {
         h.handle(event::AttemptParts{w, s, {1}, "x", {}});
       }},
      {"a wait",
       [](House& h, WorkerId w, std::uint32_t s) {
         h.handle(event::AttemptWaits{w, s, {h.submit(h.connect(), "g")}});
       }},
  };
  for (const Sign& sign : signs) {
    CAPTURE(sign.what);
    ReadyHouse house;
    const auto client = house.connect();
    const JobId id = house.submit(client);
    const WorkerId worker = house.workers()[0];
    sign.tell(house, worker, house.hand(worker).channel.at(0).sequence);
    house.gone(worker, SIGSEGV);
    const auto ended = house.ended(client, id);
    REQUIRE(ended);
    CHECK(ended->failure.cause == Cause::crashed);
    CHECK(ended->failure.message == "the worker was killed by signal 11 (Segmentation fault) after 0 ms");
    CHECK(house.status(client).pools[0].crashes == 1);
    CHECK(house.status(client).pools[0].state == "ready");
  }
}

TEST_CASE("A2 a job that has reported something is not taken back, whatever the page of its worker says") {
  ReadyHouse house(prefetching(4));
  const auto client = house.connect();
  const JobId id = house.submit(client);
  const JobId behind = house.submit(client);
  const WorkerId worker = house.workers()[0];
  const std::uint32_t own = house.hand(worker).channel.at(0).sequence;
  house.handle(event::AttemptProgress{worker, own, 1, {}});
  house.wait(kStall);
  CHECK(house.show(client, id).state == State::running);
  CHECK(house.show(client, behind).state == State::pending);
}

TEST_CASE("A3 whose workers go three times in a row before it has begun is taken for the cause of it") {
  struct Way {
    const char* what;
    Options options;
    int rows;  ///< of three
    Cause cause;
  };
  for (const Way& way : {Way{"final", Options{}, 1, Cause::crashed},
                         Way{"tried again", Options{}.retry_on(Retry::crash), 3, Cause::quarantined}}) {
    CAPTURE(way.what);
    ReadyHouse house;
    const auto client = house.connect();
    const JobId id = house.submit(client, "f", way.options);
    for (int row = 1; row <= way.rows; ++row) {
      for (int i = 0; i < 3; ++i) {
        CHECK_FALSE(house.ended(client, id));
        CHECK(house.show(client, id).crashes == static_cast<std::uint32_t>(row - 1));
        deny(house);
      }
    }
    const auto ended = house.ended(client, id);
    REQUIRE(ended);
    CHECK(ended->failure.cause == way.cause);
    CHECK(
        ended->failure.message.ends_with("the worker was killed by signal 11 (Segmentation fault) after 0 "
                                         "ms; so its workers went 3 times in a "
                                         "row before they had said that they began it"));
    CHECK(ended->failure.attempt == way.rows);
    CHECK(house.status(client).pools[0].state == "ready");
  }
}

TEST_CASE("A2 jobs that stand behind the first go back with nothing counted, as often as that happens") {
  ReadyHouse house(prefetching(4));
  const auto client = house.connect();
  const JobId first = house.submit(client, "f", Options{}.retry_on(Retry::crash));
  const JobId second = house.submit(client);
  for (int i = 0; i < 8; ++i) deny(house);
  CHECK_FALSE(house.ended(client, first));
  CHECK_FALSE(house.ended(client, second));
  CHECK(house.finish(house.workers()[0]) == first);
  CHECK(house.finish(house.workers()[0]) == second);
}

TEST_CASE("A3 what the daemon itself ends is no sign against the job that had not begun") {
  for (int i = 0; i < 4; ++i) {
    ReadyHouse house;
    const auto client = house.connect();
    const JobId id = house.submit(client, "f", Options{}.at_most_once());
    house.scheduler.stop_now(house.plan);
    house.turn();
    house.gone(house.workers()[0], SIGKILL);
    CHECK_FALSE(house.ended(client, id));
    CHECK(house.show(client, id).state == State::pending);
    CHECK(house.written<change::RequeueJob>().size() == 1);
  }
}

TEST_CASE("A3 a worker that is killed for a limit of time, or for its protocol, counts as one that went") {
  auto settings = one_pool();
  settings.pools[0].run_timeout = 1s;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const JobId id = house.submit(client);
  for (int i = 0; i < 2; ++i) {
    house.wait(1s);
    CHECK(house.hand(house.workers()[0]).signals == std::vector<int>{SIGTERM});
    deny(house, SIGTERM);
    CHECK_FALSE(house.ended(client, id));
  }
  house.wait(1s);
  house.gone(house.workers()[0], SIGTERM);
  CHECK(house.ended(client, id)->failure.cause == Cause::timed_out);
}

TEST_CASE(
    "A4 a job that runs at most once is not given back when its worker has gone, unless that was never told "
    "of it") {
  for (const auto& [signal, exit_code] : {std::pair{SIGSEGV, 0}, {0, 0}, {0, 3}}) {
    CAPTURE(signal);
    CAPTURE(exit_code);
    ReadyHouse house;
    const auto client = house.connect();
    const JobId id = house.submit(client, "f", Options{}.at_most_once());
    REQUIRE(house.hand(house.workers()[0]).channel.size() == 1);
    house.gone(house.workers()[0], signal, exit_code);
    const auto ended = house.ended(client, id);
    REQUIRE(ended);
    CHECK(ended->failure.cause == Cause::interrupted);
    CHECK(ended->failure.message.starts_with(
        "it cannot be told for certain whether it had begun, and it was submitted to run at most once: the "
        "worker "));
  }
  ReadyHouse house;
  const auto client = house.connect();
  house.hold_commits();
  const JobId id = house.submit(client, "f", Options{}.at_most_once());
  REQUIRE(house.hand(house.workers()[0]).channel.empty());
  house.gone(house.workers()[0], SIGSEGV);
  CHECK(house.show(client, id).state == State::pending);
}

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

TEST_CASE("A3 a job that is told to run again may crash max_crashes times more, whatever that is by then") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.remember("n", 1min).retry_on(Retry::crash));
  for (int i = 0; i < 3; ++i) crash(house);
  REQUIRE(house.ended(client, id)->failure.cause == Cause::quarantined);
  house.settings.limits.max_crashes = 5;
  house.ask(client, message::RetryJob{{id, {}}});
  for (int i = 0; i < 4; ++i) crash(house);
  CHECK(house.show(client, id).state == State::running);
  SUBCASE("it is as many") {
    crash(house);
    CHECK(house.show(client, id).failure.message.starts_with("its worker crashed 5 times, as often as"));
    CHECK(house.show(client, id).crashes == 8);
  }
  SUBCASE("it is less meanwhile") {
    house.settings.limits.max_crashes = 2;
    crash(house);
    CHECK(house.show(client, id).failure.cause == Cause::quarantined);
  }
}

TEST_CASE("T3 I3 a job over cpu_time is timed out, whatever had become of its memory") {
  auto settings = one_pool();
  settings.pools[0].cpu_time = 1s;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const JobId id = house.submit(client);
  house.begin(house.workers()[0]);
  house.crashed(house.workers()[0], SIGXCPU, {}, true);
  CHECK(house.ended(client, id)->failure.cause == Cause::timed_out);
  CHECK(house.ended(client, id)->failure.limit == "cpu_time");
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
