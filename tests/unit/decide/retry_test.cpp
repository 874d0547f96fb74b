// SPDX-License-Identifier: Apache-2.0
// Jobs that are tried again after a failure (SEMANTICS A1, A3, A6).
#include <doctest/doctest.h>

#include <csignal>

#include "common/units.hpp"
#include "daemon/decide/backoff.hpp"
#include "tests/unit/decide/tries.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("A1 the pauses grow as the backoff says") {
  struct Row {
    Backoff backoff;
    std::uint32_t failed;
    Millis pause;
  };
  constexpr std::uint64_t kMiddle = std::uint64_t{1} << 63;
  const Backoff longest = Backoff::exponential(1ms, Millis(3'155'760'000'000));
  for (const Row& row : {Row{Backoff::fixed(5s), 1, 5s},
                         {Backoff::fixed(5s), 1000, 5s},
                         {Backoff::fixed(0s), 3, 0s},
                         {Backoff::exponential(1s, 1min), 1, 1s},
                         {Backoff::exponential(1s, 1min), 2, 2s},
                         {Backoff::exponential(1s, 1min), 6, 32s},
                         {Backoff::exponential(1s, 1min), 7, 1min},
                         {Backoff::exponential(1s, 1min), 4'000'000'000, 1min},
                         {longest, 4'000'000'000, longest.most},
                         {Backoff::exponential(0s, 1min), 9, 0s},
                         {Backoff(), 1, 1s},
                         {Backoff(), 30, 10min}}) {
    CAPTURE(row.failed);
    CHECK(pause_after(row.failed, row.backoff, kMiddle) == row.pause);
  }
}

TEST_CASE("A1 the jitter makes a pause longer or shorter by at most its part") {
  const Backoff backoff = Backoff::fixed(10s, 0.25);
  CHECK(pause_after(1, backoff, 0) == 7500ms);
  CHECK(pause_after(1, backoff, UINT64_MAX) == 12500ms);
  CHECK(pause_after(1, Backoff::fixed(10s, 1), 0) == 0ms);
}

TEST_CASE("A1 a failure is tried again where the same call may do better") {
  Failure permanent = failure();
  permanent.permanent = true;
  CHECK_FALSE(is_worth_retrying(permanent));
  Failure late = failure(Cause::timed_out);
  for (const auto& [limit, worth] : {std::pair{"run_timeout", true},
                                     {"progress_timeout", true},
                                     {"cpu_time", true},
                                     {"deadline", false}}) {
    CAPTURE(limit);
    late.limit = limit;
    CHECK(is_worth_retrying(late) == worth);
  }
  for (const Cause cause : {Cause::exception, Cause::memory}) CHECK(is_worth_retrying(failure(cause)));
  for (const Cause cause : {Cause::bad_arguments, Cause::result_too_large, Cause::deadlock,
                            Cause::no_function, Cause::interrupted, Cause::quarantined})
    CHECK_FALSE(is_worth_retrying(failure(cause)));
}

TEST_CASE("A1 by default an exception is final") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  house.fail(worker(house), failure());
  CHECK(house.ended(client, id)->failure.message == "no luck");
}

TEST_CASE("A6 a job that waits for its next attempt is pending, with the moment and the last failure") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", tried_again(1));
  house.fail(worker(house), failure());
  const WallTime due = house.now.wall + 10s;
  const JobView view = house.show(client, id);
  CHECK(view.state == State::pending);
  CHECK(view.due == due);
  CHECK(view.retries == 1);
  CHECK(view.attempts == 1);
  CHECK(view.last_failure.message == "no luck");
  CHECK(view.last_failure.attempt == 1);
  CHECK(view.reason == "its next attempt begins after " + format_time(due));
  house.wait(10s - 1ms);
  CHECK(house.hand(worker(house)).channel.empty());
  house.wait(1ms);
  CHECK(house.begin(worker(house)).attempt == 2);
  house.finish(worker(house));
  CHECK(house.ended(client, id)->state == State::succeeded);
  CHECK(house.ended(client, id)->failure == Failure{});
}

TEST_CASE("A1 when the retries are used up the last failure is the job's") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", tried_again(2));
  for (int i = 1; i <= 3; ++i) {
    CHECK_FALSE(house.ended(client, id));
    house.fail(worker(house), failure(Cause::exception, "attempt " + std::to_string(i)));
    house.wait(10s);
  }
  const auto ended = house.ended(client, id);
  REQUIRE(ended);
  CHECK(ended->failure.message == "attempt 3");
  CHECK(ended->failure.attempt == 3);
}

TEST_CASE("A1 a permanent failure is final, and one that says when to try again is heard") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId final = house.submit(client, "f", tried_again(5));
  Failure f = failure();
  f.permanent = true;
  house.fail(worker(house), f);
  CHECK(house.ended(client, final)->failure.permanent);
  const JobId again = house.submit(client, "f", tried_again(2));
  f = failure();
  f.retry_after = 3min;
  house.fail(worker(house), f);
  CHECK(house.show(client, again).due == house.now.wall + 3min);
  house.wait(3min);
  f.retry_after = 0ms;
  house.fail(worker(house), f);
  CHECK(house.begin(worker(house)).attempt == 3);
  house.fail(worker(house), f);
  CHECK(house.ended(client, again)->failure.retry_after == 0ms);
  const JobId once = house.submit(client);
  house.fail(worker(house), f);
  CHECK(house.ended(client, once));
}

TEST_CASE("A1 a run over its time is tried again, one over its deadline is not") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", tried_again(1).run_timeout(1s));
  house.begin(worker(house));
  house.wait(1s);
  house.gone(worker(house), SIGTERM);
  house.ready(worker(house));
  CHECK(house.show(client, id).last_failure.limit == "run_timeout");
  house.wait(10s);
  CHECK(house.finish(worker(house)) == id);
  const JobId late = house.submit(client, "f", tried_again(1).deadline(1s));
  house.begin(worker(house));
  house.wait(1s);
  house.gone(worker(house), SIGTERM);
  CHECK(house.ended(client, late)->failure.limit == "deadline");
}

TEST_CASE("A6 in the pause the deadline counts and the timeout does not: that counts from the new queueing") {
  House house;
  const auto client = house.connect();
  house.ready(worker(house));
  const JobId over = house.submit(client, "f", tried_again(3).deadline(5s));
  house.fail(worker(house), failure());
  const JobId id = house.submit(client, "f", tried_again(3).timeout(2s).begin_by(1ms));
  house.fail(worker(house), failure());
  house.wait(5s);
  CHECK(house.ended(client, over)->failure.limit == "deadline");
  house.submit(client);  // keeps the worker
  house.wait(5s);
  CHECK(house.show(client, id).state == State::pending);
  house.wait(2s - 1ms);
  CHECK_FALSE(house.ended(client, id));
  house.wait(1ms);
  CHECK(house.ended(client, id)->state == State::expired);
  CHECK(house.ended(client, id)->reason.empty());
}

TEST_CASE("A3 crashes neither use up retries nor pause, unless a backoff was given") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.retries(1).retry_on(Retry::crash));
  crash_once(house);
  CHECK(house.show(client, id).due == WallTime());
  house.fail(worker(house), failure());
  const JobView view = house.show(client, id);
  CHECK(view.state == State::pending);
  CHECK(view.attempts == 2);
  CHECK(view.due >= house.now.wall + 1800ms);  // twice a second, with its jitter
  CHECK(view.due <= house.now.wall + 2200ms);
  house.wait(3s);
  house.fail(worker(house), failure());
  CHECK(house.ended(client, id)->failure.attempt == 3);
  const JobId rests = house.submit(client, "f", tried_again(0).retry_on(Retry::crash));
  crash_once(house);
  CHECK(house.show(client, rests).due == house.now.wall + 10s);
}

TEST_CASE("A1 a job that is tried again can be cancelled in its pause") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", tried_again(1));
  house.fail(worker(house), failure());
  house.ask(client, message::Cancel{{id, {}}});
  CHECK(house.ended(client, id)->state == State::cancelled);
  house.wait(1min);
  CHECK(house.hand(worker(house)).channel.empty());
}

TEST_CASE("A6 the pause is written, and goes on after a restart") {
  RecoveredJob kept;
  {
    ReadyHouse house;
    const auto client = house.connect();
    kept.id = house.submit(client, "f", tried_again(2));
    house.fail(worker(house), failure());
    const auto requeued = house.written<change::RequeueJob>();
    REQUIRE(requeued.size() == 1);
    CHECK(requeued[0].due == house.now.wall + 10s);
    CHECK(requeued[0].attempts == 1);
    CHECK(requeued[0].failure.message == "no luck");
    kept.options = house.written<change::InsertJob>().at(0).options;
    CHECK(kept.options == tried_again(2));
    kept.owner = 1000;
    kept.function = "f";
    kept.submitted = house.now.wall - 1h;
    kept.attempts = 1;
    kept.failure = requeued[0].failure;
    kept.due = house.now.wall + 6s;
  }
  House house(one_pool(), [&](House& h) { h.scheduler.restore(kept, h.now, h.plan); });
  house.ready(worker(house));
  const auto client = house.connect();
  CHECK(house.show(client, kept.id).state == State::pending);
  CHECK(house.show(client, kept.id).due == kept.due);
  house.wait(6s - 1ms);
  CHECK(house.hand(worker(house)).channel.empty());
  house.wait(1ms);
  CHECK(house.begin(worker(house)).attempt == 2);
  house.fail(worker(house), failure());
  CHECK(house.show(client, kept.id).due == house.now.wall + 10s);
}

TEST_CASE("A1 a job that runs at most once has no retries, and the submission says so") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client, "f", Options{}.at_most_once().retries(1));
  CHECK(house.last<message::Refused>(client).message ==
        "at_most_once and retries exclude each other: a job that runs at most once is not tried again");
}

TEST_CASE("A6 Q2 what came too late for an attempt does not count for the next") {
  ReadyHouse house(prefetching(2));
  const auto client = house.connect(), admin = house.connect(0);
  const Options options = tried_again(1, Backoff::fixed(0ms)).queue("mail").unique();
  house.submit(client);
  const JobId id = house.submit(client, "f", options, "x");
  auto& hand = house.hand(worker(house));
  REQUIRE(hand.channel.size() == 2);
  const std::uint32_t first = hand.channel[0].sequence, second = hand.channel[1].sequence;
  // Its queue is cleared while it stands in the channel; but it has begun, and ended, before it is taken
  // back.
  hand.channel.clear();
  hand.claimed = second + 1;
  house.scheduler.handle(
      event::Requested{admin, {0, 0, 4711}, {1000, 0, message::SteerQueue{"mail", {}, true}}, {}}, house.now,
      house.plan);
  house.scheduler.handle(event::AttemptEnded{worker(house), first, {}, 1ms, {}}, house.now, house.plan);
  house.scheduler.handle(event::AttemptEnded{worker(house), second, failure(), 1ms, {}}, house.now,
                         house.plan);
  house.turn();
  CHECK(house.begin(worker(house)).id == id);
  house.submit(client, "f", options, "x");
  CHECK(house.last<message::Known>(client).id == id);
  CHECK(hand.channel.size() == 1);
}
