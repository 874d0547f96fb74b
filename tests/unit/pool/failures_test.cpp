// SPDX-License-Identifier: Apache-2.0
// How workers go, and what is told of it.
#include <doctest/doctest.h>
#include <signal.h>

#include "tests/unit/pool/fixture.hpp"

using namespace promised;
using namespace promised::test;

namespace {

// The end of a worker that was given one call that it does not survive.
event::WorkerGone gone_after(PoolFixture& pool, const std::string& function, const Payload& given) {
  const WorkerId worker = pool.start_ready();
  pool.dispatch(worker, function, given);
  pool.workers().flush();
  auto gone = pool.await<event::WorkerGone>(worker);
  CHECK(pool.all<event::AttemptEnded>(worker).empty());
  CHECK(gone.first_unclaimed == 1);
  return gone;
}

}  // namespace

TEST_CASE("a worker that crashes is reported with its signal") {
  PoolFixture pool(pool_of("misbehave"));
  CHECK(gone_after(pool, "segfault", arguments()).signal == SIGSEGV);
  const auto aborted = gone_after(pool, "abort", arguments());
  CHECK(aborted.signal == SIGABRT);
  CHECK(aborted.exit_code == 0);
  CHECK(aborted.peak_memory > std::uint64_t{100} << 10);
  CHECK(aborted.user + aborted.system > Nanos(0));
  CHECK_FALSE(aborted.out_of_memory);
  CHECK(aborted.protocol_error.empty());
}

TEST_CASE("a worker that exits without an answer is reported with its exit code") {
  PoolFixture pool(pool_of("misbehave"));
  const auto zero = gone_after(pool, "exit", arguments(0));
  CHECK(zero.signal == 0);
  CHECK(zero.exit_code == 0);
  const auto three = gone_after(pool, "exit", arguments(3));
  CHECK(three.signal == 0);
  CHECK(three.exit_code == 3);
  CHECK(three.protocol_error.empty());
}

TEST_CASE("a crash in one job never loses the result of the job before it") {
  PoolFixture pool(pool_of("misbehave"));
  for (int round = 0; round < 20; ++round) {
    const WorkerId worker = pool.start_ready();
    constexpr std::uint32_t kBefore = 50;
    for (std::uint32_t i = 0; i < kBefore; ++i) pool.dispatch(worker, "quick", arguments(i));
    pool.dispatch(worker, "segfault", arguments());
    for (std::uint32_t i = 0; i < kBefore; ++i) pool.dispatch(worker, "quick", arguments(i));
    pool.workers().flush();
    const auto gone = pool.await<event::WorkerGone>(worker);
    CHECK(gone.first_unclaimed == kBefore + 1);
    const auto ended = pool.all<event::AttemptEnded>(worker);
    REQUIRE(ended.size() == kBefore);
    for (std::uint32_t i = 0; i < kBefore; ++i) CHECK(result_as<std::uint32_t>(ended[i]) == i);
  }
}

TEST_CASE("the last result is not lost when its size needs many reads") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  constexpr std::uint64_t kSize = std::uint64_t{20} << 20;
  pool.dispatch(worker, "big", arguments(kSize));
  pool.dispatch(worker, "segfault", arguments());
  pool.workers().flush();
  pool.await<event::WorkerGone>(worker);
  const auto ended = pool.all<event::AttemptEnded>(worker);
  REQUIRE(ended.size() == 1);
  CHECK(result_as<std::string>(ended.front()).size() == kSize);
}

TEST_CASE("SIGTERM ends a worker that sleeps, SIGKILL also one that ignores SIGTERM") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId sleeper = pool.start_ready();
  pool.dispatch(sleeper, "sleep", arguments());
  const WorkerId deaf = pool.start_ready();
  pool.dispatch(deaf, "ignore_sigterm", arguments());
  pool.workers().flush();
  pool.await<event::AttemptProgress>(deaf);
  pool.kill(deaf, SIGTERM);
  pool.kill(sleeper, SIGTERM);
  CHECK(pool.await<event::WorkerGone>(sleeper).signal == SIGTERM);
  CHECK_FALSE(pool.has<event::WorkerGone>(deaf));
  pool.kill(deaf, SIGKILL);
  const auto gone = pool.await<event::WorkerGone>(deaf);
  CHECK(gone.signal == SIGKILL);
  CHECK(gone.protocol_error.empty());
}

TEST_CASE("a worker that is killed from outside is reported with that signal and no nonsense") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  pool.dispatch(worker, "sleep", arguments());
  pool.workers().flush();
  REQUIRE(::kill(pool.pid(worker), SIGKILL) == 0);
  const auto gone = pool.await<event::WorkerGone>(worker);
  CHECK(gone.signal == SIGKILL);
  CHECK(gone.protocol_error.empty());
}

TEST_CASE("a worker that closes its channel and goes on is killed, and that is said") {
  PoolFixture pool(pool_of("misbehave"));
  const auto gone = gone_after(pool, "close_channel", arguments());
  CHECK(gone.signal == SIGKILL);
  CHECK(gone.protocol_error == "it closed its channel (fd 3) and went on running");
}

TEST_CASE("E1 a worker that writes garbage is killed, and the garbage is named") {
  PoolFixture pool(pool_of("misbehave"));
  const auto huge = gone_after(pool, "write_garbage", arguments(std::string(100, '\xff')));
  CHECK(huge.signal == SIGKILL);
  CHECK(huge.protocol_error.starts_with("expected a frame whose message has at most"));
  const auto nonsense =
      gone_after(pool, "write_garbage", arguments(std::string("\3\0\0\0\0\0\0\0\xff\xff\xff", 11)));
  CHECK(nonsense.protocol_error.starts_with("expected the message of a frame, found 3 bytes that are none"));
}

TEST_CASE("E2 a payload that is announced above max_result is refused before it arrives") {
  PoolFixture pool(pool_of("misbehave"));
  const auto gone = gone_after(pool, "write_garbage", arguments(std::string("\2\0\0\0\0\0\0\x7f", 8)));
  CHECK(gone.signal == SIGKILL);
  CHECK(gone.protocol_error == "expected a payload of at most 67108864 bytes, found one of 2130706432");
}

TEST_CASE("what is meant for a worker that has gone is dropped") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  pool.dispatch(worker, "exit", arguments(0));
  pool.workers().flush();
  pool.await<event::WorkerGone>(worker);
  pool.dispatch(worker, "quick", arguments(1));
  pool.kill(worker, SIGTERM);
  pool.workers().stop({worker});
  std::vector<Event> events;
  pool.workers().revoke({worker, 2}, events);
  pool.workers().flush();
  CHECK(events.empty());
  const WorkerId other = pool.start_ready();
  CHECK(pool.value_of(other, "quick", arguments(2)) == Value(std::int64_t{2}));
}

// RLIMIT_AS cannot be used with the sanitizers: they reserve terabytes of address space.
#ifndef PROMISED_SANITIZED
TEST_CASE("I3 a job that takes more memory than its pool allows fails with the cause memory") {
  PoolSettings settings = pool_of("misbehave");
  settings.memory_limit = std::uint64_t{256} << 20;
  PoolFixture pool(settings);
  const WorkerId worker = pool.start_ready();
  const Failure failure = pool.call(worker, "allocate", arguments()).failure;
  CHECK(failure.cause == Cause::memory);
  CHECK(failure.type == "std::bad_alloc");
  CHECK(failure.message == "out of memory: std::bad_alloc");
  CHECK(pool.value_of(worker, "quick", arguments(1)) == Value(std::int64_t{1}));
}
#endif
