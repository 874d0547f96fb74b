// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>

#include "common/output_marks.hpp"
#include "daemon/pool/output_tail.hpp"
#include "tests/unit/pool/fixture.hpp"

using namespace promised;
using namespace promised::test;

namespace {

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("an output tail keeps the last 8 KiB of whatever comes") {
  for (const std::size_t step : {1UL, 1000UL, 8191UL, 8192UL, 8193UL, 150'000UL, 500'000UL}) {
    CAPTURE(step);
    std::string all;
    OutputTail tail;
    while (all.size() < 600'000) {
      const std::string piece(step, static_cast<char>(all.size() % 251));
      all += piece;
      tail.append(piece);
    }
    CHECK(tail.total() == all.size());
    CHECK(tail.last_until(all.size()) == all.substr(all.size() - OutputTail::kKept));
    tail.drop_until(all.size());
    CHECK(tail.last_until(all.size()).empty());
  }
}

TEST_CASE("an output tail tells one job's output from the next one's") {
  OutputTail tail;
  tail.append("first");
  tail.append("second");
  tail.append("third");
  CHECK(tail.last_until(5) == "first");
  tail.drop_until(11);
  CHECK(tail.last_until(3).empty());
  constexpr std::uint64_t kBeyond = std::uint64_t{1} << 60;
  CHECK(tail.last_until(kBeyond) == "third");
  tail.drop_until(kBeyond);
  tail.append("fourth");
  CHECK(tail.last_until(tail.total()) == "fourth");
}

TEST_CASE("what cannot be known of the output's end is not guessed") {
  OutputMarks marks;
  const auto in_pipe = [] { return std::optional<std::uint64_t>(7); };
  marks.end_read(100);
  marks.note_end(1, in_pipe);
  CHECK(marks.end_of(1) == 107);
  CHECK(marks.end_of(1 + 512) == std::nullopt);
  marks.note_end(1 + 512, in_pipe);
  CHECK(marks.end_of(1) == std::nullopt);
  marks.begin_read();
  marks.note_end(2, in_pipe);
  CHECK(marks.end_of(2) == std::nullopt);
  marks.end_read(101);
  marks.note_end(3, []() -> std::optional<std::uint64_t> { return std::nullopt; });
  CHECK(marks.end_of(3) == std::nullopt);
  marks.note_end(4, [&] {
    marks.end_read(102);
    return std::optional<std::uint64_t>(1);
  });
  CHECK(marks.end_of(4) == 103);
}

TEST_CASE("a failed attempt carries what was printed before it, and only since the attempt before") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  pool.call(worker, "print", arguments(0, "of the first"));
  const Failure failure = pool.call(worker, "print_and_throw", arguments(0, "of the second")).failure;
  CHECK(failure.output == "of the second");
  CHECK(pool.call(worker, "throw", arguments("silent")).failure.output.empty());
}

TEST_CASE("output is bytes, whatever they are") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  const std::string odd("\0\xff\x1b[31m\n\xe9", 9);
  CHECK(pool.call(worker, "print_and_throw", arguments(0, odd)).failure.output == odd);
}

TEST_CASE("P4 the outputs of jobs that wait in one channel do not mix") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  constexpr std::uint32_t kJobs = 400;
  for (std::uint32_t i = 0; i < kJobs; ++i) {
    const std::string words = "words of " + std::to_string(i) + "\n";
    pool.dispatch(worker, i % 3 == 0 ? "print_and_throw" : "print", arguments(0, words));
  }
  pool.dispatch(worker, "print_and_abort", arguments("last words"));
  pool.workers().flush();
  CHECK(pool.await<event::WorkerGone>(worker).output == "last words");
  const auto ended = pool.all<event::AttemptEnded>(worker);
  REQUIRE(ended.size() == kJobs);
  for (std::uint32_t i = 0; i < kJobs; i += 3) {
    CHECK(ended[i].failure.output == "words of " + std::to_string(i) + "\n");
  }
}

TEST_CASE("where the outputs of jobs cannot be told apart, none of them is lost") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  pool.dispatch(worker, "forget_output", arguments());
  pool.dispatch(worker, "print_and_throw", arguments(0, "one "));
  pool.dispatch(worker, "print_and_throw", arguments(0, "two "));
  pool.dispatch(worker, "print_and_abort", arguments("last words"));
  pool.workers().flush();
  REQUIRE(eventually([&] { return is_gone(pool.pid(worker)); }));
  CHECK(pool.await<event::WorkerGone>(worker).output == "one two last words");
  const auto ended = pool.all<event::AttemptEnded>(worker);
  REQUIRE(ended.size() == 3);
  CHECK(ended[1].failure.output == "one two last words");
  CHECK(ended[2].failure.output == "one two last words");
}

TEST_CASE("what is still in the program's own buffers comes out with the job that wrote it") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  CHECK(pool.call(worker, "print_buffered_and_throw", arguments("buffered words")).failure.output ==
        "buffered words");
}

TEST_CASE("P4 a quarter of a gigabyte of output neither blocks the worker nor grows the daemon") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  const std::uint64_t before = resident_bytes();
  const Failure failure =
      pool.call(worker, "print_and_throw", arguments(std::uint64_t{1} << 28, "the end")).failure;
  CHECK(failure.output == std::string(OutputTail::kKept - 7, 'x') + "the end");
  CHECK(resident_bytes() < before + (std::uint64_t{32} << 20));
}

TEST_CASE("an exit before any job carries what the program said") {
  PoolFixture pool(pool_of("exits", {"7"}));
  const WorkerId worker = pool.start();
  const auto gone = pool.await<event::WorkerGone>(worker);
  CHECK(gone.exit_code == 7);
  CHECK(gone.output == "cannot read my own configuration\n");
  CHECK_FALSE(pool.has<event::WorkerReady>(worker));
}
