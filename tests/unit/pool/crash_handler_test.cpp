// SPDX-License-Identifier: Apache-2.0
// What a worker tells of its own crash. The signal it ends by is as if it told nothing.
#include <doctest/doctest.h>
#include <signal.h>

#include <sstream>

#include "common/demangle.hpp"
#include "tests/unit/pool/fixture.hpp"

using namespace promised;
using namespace promised::test;

namespace {

event::WorkerGone gone_after(PoolFixture& pool, const std::string& function,
                             const Payload& given = arguments()) {
  const WorkerId worker = pool.start_ready();
  pool.dispatch(worker, function, given);
  pool.workers().flush();
  return pool.await<event::WorkerGone>(worker);
}

std::vector<std::string> frames_of(const event::WorkerGone& gone) {
  std::vector<std::string> lines;
  std::istringstream text(readable_backtrace(gone.backtrace));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

/// The first frame that names `function`; fails the test if there is none.
std::string frame_of(const event::WorkerGone& gone, const std::string& function) {
  for (const std::string& frame : frames_of(gone)) {
    if (frame.find(function) != std::string::npos) return frame;
  }
  FAIL_CHECK("no frame of " << function << " in:\n" << gone.backtrace);
  return {};
}

PoolSettings limited(std::uint64_t memory) {
  PoolSettings settings = pool_of("crashes");
  settings.memory_limit = memory;
  return settings;
}

}  // namespace

// The sanitizers have handlers of their own for these, and those stay.
TEST_CASE("a crash is told with the function, the file and the line that it happened in") {
  PoolFixture pool(pool_of("crashes"));
  const auto gone = gone_after(pool, "segfault");
  CHECK(gone.signal == SIGSEGV);
  REQUIRE_FALSE(frames_of(gone).empty());
  CHECK(frames_of(gone).front().starts_with("#0 crashes::write_nowhere(unsigned long) at crashes.cpp:"));
  CHECK(frame_of(gone, " main at").find(" main at crashes.cpp:") != std::string::npos);
  CHECK_FALSE(gone.out_of_memory);
}

TEST_CASE("every signal that means a crash has its backtrace, and stays what the worker ended by") {
  PoolFixture pool(pool_of("crashes"));
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP, SIGXCPU}) {
    CAPTURE(signal);
    const auto gone = gone_after(pool, "raise", arguments(signal));
    CHECK(gone.signal == signal);
    CHECK(frame_of(gone, "crashes::raise_it(int)").find("crashes.cpp:") != std::string::npos);
  }
}

TEST_CASE("a stack overflow has a backtrace, of the innermost frames") {
  PoolFixture pool(pool_of("crashes"));
  const auto gone = gone_after(pool, "overflow");
  CHECK(gone.signal == SIGSEGV);
  CHECK(frames_of(gone).size() >= 32);
  REQUIRE_FALSE(frames_of(gone).empty());
  CHECK(frames_of(gone).front().starts_with("#0 crashes::never_enough(int) at crashes.cpp:"));
}

TEST_CASE("a call of a null pointer has a backtrace from the caller on") {
  PoolFixture pool(pool_of("crashes"));
  const auto gone = gone_after(pool, "call_nothing");
  CHECK(gone.signal == SIGSEGV);
  CHECK(frames_of(gone).front() == "#0 0x0");
  CHECK(frame_of(gone, "crashes::call_nothing").starts_with("#1 "));
}

TEST_CASE("a crash in another thread has the backtrace of that thread") {
  PoolFixture pool(pool_of("crashes"));
  const auto gone = gone_after(pool, "segfault_in_a_thread");
  CHECK(gone.signal == SIGSEGV);
  CHECK(frames_of(gone).front().starts_with("#0 crashes::write_nowhere(unsigned long)"));
}

TEST_CASE("a crash is told in full while another thread has the loader's lock, for nothing of it is taken") {
  PoolFixture pool(pool_of("crashes"));
  const auto gone = gone_after(pool, "crash_beside_a_busy_loader");
  CHECK(gone.signal == SIGSEGV);
  REQUIRE_FALSE(frames_of(gone).empty());
  CHECK(frames_of(gone).front().starts_with("#0 crashes::write_nowhere(unsigned long) at crashes.cpp:"));
}

TEST_CASE("a crash that spoils its own stack is told as far as it can be, and is the signal that it was") {
  PoolFixture pool(pool_of("crashes"));
  const auto gone = gone_after(pool, "lose_the_stack");
  CHECK(gone.signal == SIGSEGV);
  REQUIRE(frames_of(gone).size() == 1);
  CHECK(frames_of(gone).front().starts_with("#0 0x"));
  CHECK(frames_of(gone).front().ends_with("/worker_crashes"));
}

TEST_CASE("a handler that the program has set itself is kept") {
  PoolFixture pool(pool_of("crashes", {"--own-handler"}));
  const auto gone = gone_after(pool, "segfault");
  CHECK(gone.signal == 0);
  CHECK(gone.exit_code == 77);
  CHECK(gone.backtrace.empty());
}

TEST_CASE("the crash of a job's own child is not the worker's") {
  PoolFixture pool(pool_of("crashes"));
  const WorkerId worker = pool.start_ready();
  CHECK(pool.value_of(worker, "crash_in_a_child", arguments()) == Value(std::int64_t{SIGSEGV}));
  pool.kill(worker, SIGKILL);
  CHECK(pool.await<event::WorkerGone>(worker).backtrace.empty());
}

TEST_CASE("I3 a worker that crashes because memory had run out says so") {
  PoolFixture pool(limited(std::uint64_t{256} << 20));
  for (const std::string function :
       {"use_a_failed_malloc", "fail_to_allocate_in_a_thread", "fill_memory_and_recurse"}) {
    CAPTURE(function);
    const auto gone = gone_after(pool, function);
    CHECK(gone.signal != 0);
    CAPTURE(gone.backtrace);
    CHECK(gone.out_of_memory);
    CHECK_FALSE(gone.backtrace.empty());
  }
}

TEST_CASE("I3 a crash is not laid to memory that an earlier job could not get, nor to a stack without end") {
  PoolFixture pool(limited(std::uint64_t{256} << 20));
  const WorkerId worker = pool.start_ready();
  CHECK(pool.value_of(worker, "cope_with_failure", arguments()) == Value(std::int64_t{0}));
  pool.dispatch(worker, "segfault", arguments());
  pool.workers().flush();
  CHECK_FALSE(pool.await<event::WorkerGone>(worker).out_of_memory);
  CHECK_FALSE(gone_after(pool, "overflow").out_of_memory);
}

TEST_CASE(
    "I3 memory that a job could not get is told of a crash of its own, not of a signal from elsewhere") {
  PoolSettings settings = limited(std::uint64_t{256} << 20);
  settings.cpu_time = std::chrono::seconds(1);
  PoolFixture pool(std::move(settings));
  CHECK(gone_after(pool, "cope_and_abort").out_of_memory);
  for (const int signal : {SIGSEGV, SIGABRT, SIGXCPU}) {
    CAPTURE(signal);
    const auto gone = gone_after(pool, "cope_and_be_shot", arguments(signal));
    CHECK(gone.signal == signal);
    CHECK_FALSE(gone.backtrace.empty());
    CHECK_FALSE(gone.out_of_memory);
  }
  const auto gone = gone_after(pool, "cope_and_burn");
  CHECK(gone.signal == SIGXCPU);
  CHECK(frame_of(gone, "crashes::burn()").starts_with("#0 "));
  CHECK_FALSE(gone.out_of_memory);
}
