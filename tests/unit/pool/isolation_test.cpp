// SPDX-License-Identifier: Apache-2.0
// I1: with isolation = job, each job runs in a fork of its worker.
#include <doctest/doctest.h>
#include <signal.h>

#include "common/wire/value_codec.hpp"
#include "tests/unit/pool/fixture.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

PoolSettings apart(const std::string& program, std::vector<std::string> words = {}) {
  PoolSettings settings = pool_of(program, std::move(words));
  settings.isolation = Isolation::job;
  return settings;
}

std::int64_t pid_of_job(PoolFixture& pool, WorkerId worker) {
  return from_value<std::map<std::string, std::int64_t>>(pool.value_of(worker, "process", arguments()))
      .at("pid");
}

}  // namespace

TEST_CASE("I1 each job has a process of its own, and the worker stays") {
  PoolFixture pool(apart("basic"));
  const WorkerId worker = pool.start_ready();
  const std::int64_t first = pid_of_job(pool, worker);
  const std::int64_t second = pid_of_job(pool, worker);
  CHECK(first != pool.pid(worker));
  CHECK(second != first);
  CHECK(is_gone(static_cast<pid_t>(first)));
  pool.workers().stop({worker});
  pool.workers().flush();
  CHECK(pool.await<event::WorkerGone>(worker).exit_code == 0);
}

TEST_CASE("I1 a job in a process of its own reports progress, parts and notes as ever") {
  PoolFixture pool(apart("basic"));
  const WorkerId worker = pool.start_ready();
  CHECK(pool.value_of(worker, "report.build", arguments("Smith", 2026)) == Value("Smith 2026"));
  CHECK(pool.await<event::AttemptProgress>(worker).message == "reading");
  CHECK(pool.value_of(worker, "emit", arguments(3, std::uint64_t{100'000})) == Value(std::int64_t{3}));
  CHECK(pool.all<event::AttemptParts>(worker).size() == 3);

  const std::uint32_t sequence = pool.dispatch(worker, "await_note", arguments("go"));
  pool.dispatch(worker, "add", arguments(1, 2));  // waits in the channel meanwhile
  pool.workers().flush();
  const auto asks = pool.await<event::AttemptReadsNotes>(worker);
  CHECK(asks.sequence == sequence);
  CHECK(pool.revoke(worker) == sequence + 1);
  pool.workers().tell({worker, {sequence, 1, 0, {{"go", wire::encode(Value("well")).value()}}}});
  pool.workers().flush();
  pool.until([&] { return pool.all<event::AttemptEnded>(worker).size() == 3; }, "the end of await_note");
  CHECK(result_as<std::string>(pool.all<event::AttemptEnded>(worker).back()) == "well");
}

TEST_CASE("I1 a result of any size comes from the process of a job, and nothing of the next is lost") {
  PoolFixture pool(apart("misbehave"));
  const WorkerId worker = pool.start_ready();
  constexpr std::uint64_t kSize = std::uint64_t{20} << 20;
  pool.dispatch(worker, "big", arguments(kSize));
  for (int i = 0; i < 20; ++i) pool.dispatch(worker, "quick", arguments(i));
  pool.workers().flush();
  pool.until([&] { return pool.all<event::AttemptEnded>(worker).size() == 21; }, "all jobs");
  const auto ended = pool.all<event::AttemptEnded>(worker);
  CHECK(result_as<std::string>(ended.front()).size() == kSize);
  for (int i = 0; i < 20; ++i) CHECK(result_as<int>(ended[static_cast<std::size_t>(i) + 1]) == i);
}

TEST_CASE("I1 how the process of a job ended is told, and what it wrote, and the worker goes on") {
  PoolFixture pool(apart("misbehave"));
  const WorkerId worker = pool.start_ready();
  const Failure aborted = pool.call(worker, "print_and_abort", arguments("last words")).failure;
  CHECK(aborted.cause == Cause::crashed);
  CHECK(aborted.signal == SIGABRT);
  CHECK(aborted.output == "last words");
  const Failure exited = pool.call(worker, "exit", arguments(3)).failure;
  CHECK(exited.cause == Cause::exited);
  CHECK(exited.exit_code == 3);
  CHECK(pool.call(worker, "exit", arguments(0)).failure.cause == Cause::exited);
  CHECK(pool.value_of(worker, "quick", arguments(1)) == Value(std::int64_t{1}));
  CHECK_FALSE(pool.has<event::WorkerGone>(worker));
}

TEST_CASE("I1 SIGTERM to the worker's processes ends the job alone") {
  PoolFixture pool(apart("misbehave"));
  const WorkerId worker = pool.start_ready();
  for (int i = 0; i < 5; ++i) {
    pool.forget_events();
    pool.dispatch(worker, "orphan_and_sleep", arguments(false));
    pool.workers().flush();
    const pid_t orphan = std::stoi(pool.await<event::AttemptProgress>(worker).message);
    pool.kill(worker, SIGTERM);
    const Failure failure = pool.await<event::AttemptEnded>(worker).failure;
    CHECK(failure.cause == Cause::crashed);
    CHECK(failure.signal == SIGTERM);
    CHECK(is_gone(orphan));
  }
  CHECK(pool.value_of(worker, "quick", arguments(1)) == Value(std::int64_t{1}));
  CHECK_FALSE(pool.has<event::WorkerGone>(worker));
}

TEST_CASE("I1 SIGKILL takes worker, job and what it started") {
  PoolFixture pool(apart("misbehave"));
  const WorkerId worker = pool.start_ready();
  pool.dispatch(worker, "orphan_and_sleep", arguments(true));
  pool.workers().flush();
  const pid_t orphan = std::stoi(pool.await<event::AttemptProgress>(worker).message);
  pool.kill(worker, SIGKILL);
  CHECK(pool.await<event::WorkerGone>(worker).signal == SIGKILL);
  CHECK(eventually([&] { return is_gone(orphan); }));
}

TEST_CASE("I4 with isolation = job, what a job left behind is gone when it ends, however it ends") {
  PoolFixture pool(apart("misbehave", {"--helper"}));
  const WorkerId worker = pool.start_ready();
  const auto left_by = [&](const std::string& function, const Payload& given) {
    return static_cast<pid_t>(from_value<std::int64_t>(pool.value_of(worker, function, given)));
  };
  const pid_t helper = left_by("helper", arguments());
  for (const bool own_session : {false, true}) CHECK(is_gone(left_by("orphan", arguments(own_session))));
  CHECK(is_gone(left_by("child_of_a_thread", arguments())));
  CHECK(pool.call(worker, "leave_child_behind_and_crash", arguments()).failure.signal == SIGSEGV);
  CHECK(is_gone(std::stoi(pool.await<event::AttemptProgress>(worker).message)));
  CHECK_FALSE(is_gone(helper));
}

TEST_CASE(
    "I1 a process that ended in the middle of an answer ends its worker in the same way, which says so") {
  PoolFixture pool(apart("misbehave"));
  const WorkerId worker = pool.start_ready();
  pool.dispatch(worker, "killed_in_mid_answer", arguments(std::uint64_t{1} << 20));
  pool.workers().flush();
  // Nobody reads meanwhile, and the channel does not hold the whole answer.
  CHECK(eventually([&] { return is_gone(pool.pid(worker)); }));
  const auto gone = pool.await<event::WorkerGone>(worker);
  CHECK(gone.signal == SIGKILL);
  CHECK(gone.output.starts_with("promised: the process of job "));
  CHECK(gone.output.ends_with(" ended while it wrote to the daemon; this worker ends like it\n"));
  CHECK(pool.all<event::AttemptEnded>(worker).empty());
  CHECK(gone.first_unclaimed == 1);
}

#ifndef PROMISED_SANITIZED  // whose handlers stay

TEST_CASE("I1 a crash of a job's process has its backtrace, each its own") {
  PoolFixture pool(apart("crashes"));
  const WorkerId worker = pool.start_ready();
  const Failure overflow = pool.call(worker, "overflow", arguments()).failure;
  CHECK(overflow.signal == SIGSEGV);
  CHECK(overflow.backtrace.starts_with("#0 _ZN7crashes12never_enoughEi at crashes.cpp:"));
  const Failure aborted = pool.call(worker, "abort", arguments()).failure;
  CHECK(aborted.signal == SIGABRT);
  CHECK(aborted.backtrace.find("_ZN7crashes7give_upEv at crashes.cpp:") != std::string::npos);
  const Failure killed = pool.call(worker, "raise", arguments(SIGKILL)).failure;
  CHECK(killed.signal == SIGKILL);
  CHECK(killed.backtrace.empty());
}

TEST_CASE("I3 with isolation = job, a crash for want of memory has the cause memory") {
  PoolSettings settings = apart("crashes");
  settings.memory_limit = std::uint64_t{256} << 20;
  PoolFixture pool(settings);
  const WorkerId worker = pool.start_ready();
  CHECK(pool.call(worker, "use_a_failed_malloc", arguments()).failure.cause == Cause::memory);
  CHECK(pool.call(worker, "segfault", arguments()).failure.cause == Cause::crashed);
}

#endif
