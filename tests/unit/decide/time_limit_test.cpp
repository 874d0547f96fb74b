// SPDX-License-Identifier: Apache-2.0
// Limits of a job's time beside run_timeout: its silence, and its deadline (SEMANTICS T3).
#include <doctest/doctest.h>

#include <csignal>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

const auto kSilent = Options{}.progress_timeout(10s);

}  // namespace

TEST_CASE("T3 a job that gives no sign of life for progress_timeout is stopped, and the outcome names it") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId id = house.submit(client, "f", kSilent);
  house.begin(worker);
  house.wait(10s - 1ms);
  CHECK(house.hand(worker).signals.empty());
  house.wait(1ms);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM});
  house.wait(2s);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM, SIGKILL});
  house.gone(worker, SIGKILL);
  const Failure failure = house.ended(client, id)->failure;
  CHECK(failure.cause == Cause::timed_out);
  CHECK(failure.limit == "progress_timeout");
  CHECK(failure.message == "it ran without a sign of life for longer than progress_timeout (10000 ms)");
  CHECK(failure.ran == 12s);
}

TEST_CASE("T3 progress, parts and notes of the job are signs of life") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId id = house.submit(client, "f", kSilent);
  const std::uint32_t sequence = house.begin(worker).sequence;
  const std::vector<Event> signs{event::AttemptProgress{worker, sequence, 1, {}},
                                 event::AttemptParts{worker, sequence, {1}, "x", {}},
                                 event::AttemptNote{worker, sequence, 1, {"key", "value"}}};
  for (const Event& sign : signs) {
    house.wait(9s);
    house.handle(sign);
  }
  // What a client says is none.
  house.wait(9s);
  CHECK(house.hand(worker).signals.empty());
  house.ask(client, message::SetNote{{id, {}}, "theirs"}, "value");
  house.wait(1s);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM});
}

TEST_CASE("T3 the pool's progress_timeout binds where the job has a longer one or none") {
  auto settings = one_pool();
  settings.pools[0].progress_timeout = 1s;
  ReadyHouse house(settings);
  const auto client = house.connect();
  for (const Options& options : {Options{}, kSilent}) {
    const JobId id = house.submit(client, "f", options);
    const WorkerId worker = house.workers()[0];
    house.begin(worker);
    house.wait(1s);
    CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM});
    house.gone(worker, SIGTERM);
    CHECK(house.ended(client, id)->failure.limit == "progress_timeout");
    house.ready(house.workers()[0]);
  }
}

TEST_CASE("T3 signs of life move no timer: the loop is woken once, and sleeps on") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  house.submit(client, "f", Options{kSilent}.durability(Durability::memory));
  const std::uint32_t sequence = house.begin(worker).sequence;
  house.wait(1s);  // what is soon to be told has been
  CHECK(house.scheduler.next_due(house.now) == 9s);
  for (int i = 0; i < 8; ++i) {
    house.wait(1s);
    house.handle(event::AttemptProgress{worker, sequence, 1, {}});
    CHECK(house.scheduler.next_due(house.now) <= Nanos(9s) - i * 1s);
  }
  house.wait(1s);
  CHECK(house.hand(worker).signals.empty());
  CHECK(house.scheduler.next_due(house.now) == 9s);
}

TEST_CASE("T3 a report that comes after the limit was over is too late; of a run that was over before, not") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId id = house.submit(client, "f", Options{}.run_timeout(1s));
  house.begin(worker);
  house.wait(1s);
  REQUIRE(house.hand(worker).signals == std::vector<int>{SIGTERM});
  SUBCASE("it returned after SIGTERM") {
    house.finish(worker, "late", 1001ms);
    CHECK(house.ended(client, id)->failure.cause == Cause::timed_out);
    CHECK(house.ended(client, id)->failure.limit == "run_timeout");
    CHECK(house.ended(client, id)->failure.ran == 1001ms);
  }
  SUBCASE("its report was on the way") {
    house.finish(worker, "in time", 999ms);
    CHECK(house.ended(client, id)->state == State::succeeded);
  }
}

TEST_CASE("T3 a running job over its deadline is stopped, however it reports") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId id = house.submit(client, "f", Options{}.deadline(10s));
  const std::uint32_t sequence = house.begin(worker).sequence;
  house.wait(9s);
  house.handle(event::AttemptProgress{worker, sequence, 99, {}});
  house.wait(1s);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM});
  house.gone(worker, SIGTERM);
  const Failure failure = house.ended(client, id)->failure;
  CHECK(failure.cause == Cause::timed_out);
  CHECK(failure.limit == "deadline");
  CHECK(failure.message == "it had not ended within its deadline (10000 ms) from its submission on");
}

TEST_CASE("T3 a queued job over its deadline is timed_out; by its timeout, if that is over first, expired") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client);
  house.begin(house.workers()[0]);
  const JobId late = house.submit(client, "f", Options{}.deadline(10s));
  const JobId later = house.submit(client, "f", Options{}.deadline(10s).timeout(20s));
  const JobId expired = house.submit(client, "f", Options{}.deadline(10s).timeout(5s));
  house.wait(10s);
  for (const JobId& id : {late, later}) {
    CHECK(house.ended(client, id)->state == State::failed);
    CHECK(house.ended(client, id)->failure.cause == Cause::timed_out);
    CHECK(house.ended(client, id)->failure.limit == "deadline");
    CHECK(house.ended(client, id)->failure.attempt == 0);
  }
  CHECK(house.ended(client, expired)->state == State::expired);
}

TEST_CASE("T3 a prefetched job over its deadline is taken back, and is timed_out") {
  ReadyHouse house(prefetching(4));
  const auto client = house.connect();
  house.submit(client);
  house.begin(house.workers()[0]);
  const JobId late = house.submit(client, "f", Options{}.deadline(5ms));
  REQUIRE(house.hand(house.workers()[0]).channel.size() == 2);
  house.wait(5ms);
  CHECK(house.ended(client, late)->failure.limit == "deadline");
  CHECK(house.hand(house.workers()[0]).channel.size() == 1);
}

TEST_CASE("T3 a deadline counts over all attempts") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.deadline(10s).retry_on(Retry::crash));
  house.begin(house.workers()[0]);
  house.wait(6s);
  house.gone(house.workers()[0], SIGSEGV);
  house.ready(house.workers()[0]);
  house.begin(house.workers()[0]);
  house.wait(4s);
  CHECK(house.hand(house.workers()[0]).signals == std::vector<int>{SIGTERM});
  house.gone(house.workers()[0], SIGTERM);
  CHECK(house.ended(client, id)->failure.limit == "deadline");
  CHECK(house.ended(client, id)->failure.attempt == 2);
}

TEST_CASE(
    "T3 T4 a deadline goes on over a restart from the recorded submission, then by the monotonic clock") {
  RecoveredJob kept;
  kept.id = new_job_id();
  kept.owner = 1000;
  kept.function = "f";
  kept.options.deadline(10s);
  House house(one_pool(), [&](House& h) {
    kept.submitted = h.now.wall - 7s;
    h.scheduler.restore(kept, h.now, h.plan);
  });
  const auto client = house.connect();
  CHECK(house.show(client, kept.id).deadline == 10s);
  house.jump_wall_clock(1h);
  CHECK(house.show(client, kept.id).state == State::pending);
  house.wait(3s - 1ms);
  CHECK(house.show(client, kept.id).state == State::pending);
  house.wait(1ms);
  CHECK(house.show(client, kept.id).failure.limit == "deadline");
}

TEST_CASE("T3 limits are kept with the job, and shown") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{kSilent}.deadline(1h));
  CHECK(house.written<change::InsertJob>().at(0).options.progress_timeout() == 10s);
  CHECK(house.written<change::InsertJob>().at(0).options.deadline() == 1h);
  CHECK(house.show(client, id).progress_timeout == 10s);
  CHECK(house.show(client, id).deadline == 1h);
}
