// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "common/fd.hpp"
#include "common/output_marks.hpp"
#include "daemon/pool/output_tail.hpp"
#include "daemon/pool/worker_output.hpp"
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

TEST_CASE("who reads a worker's output learns when there is no more of it for now, and when for good") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
  Fd writer(ends[1]);
  WorkerOutput output(Fd{ends[0]}, OutputTail::kKept);
  OutputMarks marks;
  std::array<char, 4> buffer{};
  const auto read = [&] { return output.read(marks, buffer); };
  CHECK(read() == WorkerOutput::Read::nothing);
  CHECK(output.open());
  REQUIRE(::write(writer.get(), "in two", 6) == 6);
  CHECK(read() == WorkerOutput::Read::some);
  CHECK(read() == WorkerOutput::Read::some);
  CHECK(read() == WorkerOutput::Read::nothing);
  CHECK(output.last_words() == "in two");
  writer.reset();
  CHECK(read() == WorkerOutput::Read::nothing);
  CHECK_FALSE(output.open());
  CHECK(read() == WorkerOutput::Read::nothing);
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
  const auto ended = pool.call(worker, "print_and_throw", arguments(std::uint64_t{1} << 28, "the end"));
  CHECK(ended.failure.output == std::string(OutputTail::kKept - 7, 'x') + "the end");
  CHECK(ended.printed.total == (std::uint64_t{1} << 28) + 7);
  CHECK(ended.printed.last.view() == std::string((64 << 10) - 7, 'x') + "the end");
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

namespace {

effect::ReadOutput read_of(WorkerId worker, std::uint32_t sequence, std::uint64_t from,
                           effect::Answer answer) {
  return {worker, sequence, from, std::uint64_t{1} << 20, answer};
}

/// What was told of a worker's output, as `bytes`@`first`/`total`, one behind the other.
std::string told(const std::vector<event::AttemptOutput>& all) {
  std::string text;
  for (const auto& e : all)
    text += e.bytes + "@" + std::to_string(e.first) + "/" + std::to_string(e.total) + " ";
  return text;
}

PoolSettings greeting_pool() {
  return pool_of("misbehave", {"hello from the start\n"});
}

}  // namespace

TEST_CASE("an output tail has of each job as much as it was made for") {
  constexpr std::size_t kMost = std::size_t{1} << 20;
  std::string all;
  OutputTail tail(kMost);
  for (int i = 0; all.size() < 5 * kMost; ++i) {
    all += std::string(50'000, static_cast<char>('a' + i % 26));
    tail.append(std::string_view(all).substr(all.size() - 50'000));
  }
  const std::uint64_t end = all.size() - 100'000;  // known late
  CHECK(tail.between(end - kMost, end) == std::string_view(all).substr(end - kMost, kMost));
  CHECK(tail.between(0, end).size() >= kMost);
  CHECK(tail.between(end, end - 1).empty());
  CHECK(tail.last_until(end) == all.substr(end - OutputTail::kKept, OutputTail::kKept));
}

TEST_CASE("P4 each attempt has what it printed, and how much that was, whatever it came to") {
  PoolFixture pool({pool_of("misbehave")}, [](Settings& s) { s.limits.max_output = 10; });
  const WorkerId worker = pool.start_ready();
  const Printed first = pool.call(worker, "print", arguments(0, "of the first")).printed;
  CHECK(first.last.view() == " the first");
  CHECK(first.total == 12);
  const event::AttemptEnded second = pool.call(worker, "print_and_throw", arguments(1, "of the second"));
  CHECK(second.printed.last.view() == "the second");
  CHECK(second.printed.total == 65'536 + 13);
  CHECK(second.failure.output.size() == OutputTail::kKept);  // that of messages is another matter
  const Printed silent = pool.call(worker, "throw", arguments("silent")).printed;
  CHECK(silent.last.empty());
  CHECK(silent.total == 0);
  pool.dispatch(worker, "print_and_abort", arguments("last words"));
  pool.workers().flush();
  CHECK(pool.await<event::WorkerGone>(worker).printed.last.view() == "last words");
}

TEST_CASE("P4 with max_output of 0 nothing is kept, and messages have their last words") {
  PoolFixture pool({pool_of("misbehave")}, [](Settings& s) { s.limits.max_output = 0; });
  const WorkerId worker = pool.start_ready();
  const event::AttemptEnded ended = pool.call(worker, "print_and_throw", arguments(0, "words"));
  CHECK(ended.printed.last.empty());
  CHECK(ended.printed.total == 5);
  CHECK(ended.failure.output == "words");
}

TEST_CASE("P4 what a program prints at its start is of no job, but shown where the first one fails") {
  PoolFixture pool(greeting_pool());
  const WorkerId worker = pool.start_ready();
  const event::AttemptEnded ended = pool.call(worker, "print_and_throw", arguments(0, "words"));
  CHECK(ended.printed.last.view() == "words");
  CHECK(ended.printed.total == 5);
  CHECK(ended.failure.output == "hello from the start\nwords");
}

TEST_CASE("P4 the output of a job that runs is told to who asks, at once or when there is more") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  pool.call(worker, "print", arguments(0, "of another job"));
  std::vector<Event> events;
  const auto at_once = [&](std::uint32_t sequence, std::uint64_t from) {
    events.clear();
    pool.workers().read_output(read_of(worker, sequence, from, effect::Answer::at_once), events);
    REQUIRE(events.size() == 1);
    return told({std::get<event::AttemptOutput>(events.front())});
  };
  CHECK(at_once(1, 0) == "@0/0 ");
  pool.workers().read_output(read_of(worker, 1, 0, effect::Answer::with_more), events);
  CHECK(events.size() == 1);
  pool.dispatch(worker, "print_and_sleep", arguments("words"));
  pool.workers().flush();
  pool.until([&] { return pool.has<event::AttemptOutput>(worker); }, "the output");
  CHECK(told(pool.all<event::AttemptOutput>(worker)) == "words@0/5 ");
  CHECK(at_once(1, 2) == "rds@2/5 ");
  CHECK(at_once(1, 100) == "@5/5 ");
  events.clear();
  pool.workers().read_output(read_of(worker, 0, 0, effect::Answer::at_once), events);
  CHECK(events.empty());  // that job has ended
  pool.workers().read_output(read_of(WorkerId{4711}, 1, 0, effect::Answer::at_once), events);
  CHECK(events.empty());
  pool.kill(worker, SIGKILL);
  CHECK(pool.await<event::WorkerGone>(worker).printed.last.view() == "words");
}

TEST_CASE("P4 who follows is told what comes together with a job's end, also what is not kept") {
  PoolFixture pool({pool_of("misbehave")}, [](Settings& s) { s.limits.max_output = 10; });
  const WorkerId worker = pool.start_ready();
  const std::string words(100, 'x');
  for (std::uint32_t i = 0; i < 200; ++i) {
    pool.forget_events();
    std::vector<Event> events;
    pool.workers().read_output(read_of(worker, i, 0, effect::Answer::with_more), events);
    // The worker's report comes first: output and end are then often read in one go.
    CHECK(pool.call(worker, "report_and_print", arguments(words)).printed.last.size() == 10);
    CHECK(told(pool.all<event::AttemptOutput>(worker)) == words + "@0/100 ");
  }
}

TEST_CASE("P4 what is told of a job while it runs is its own, and not of those behind it in the channel") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  constexpr std::uint32_t kJobs = 200;
  std::vector<Event> events;
  std::vector<std::string> live(kJobs);
  for (std::uint32_t i = 0; i < kJobs; ++i)
    pool.dispatch(worker, "print", arguments(0, "words of " + std::to_string(i)));
  pool.workers().flush();
  std::size_t seen = 0;
  std::uint32_t ended = 0;
  const auto follow = [&] {
    for (; seen < pool.events().size(); ++seen) {
      const Event& e = pool.events()[seen];
      if (const auto* output = std::get_if<event::AttemptOutput>(&e)) {
        CHECK(output->first == live[output->sequence].size());
        live[output->sequence] += output->bytes;
      } else if (const auto* end = std::get_if<event::AttemptEnded>(&e)) {
        const std::string words = "words of " + std::to_string(end->sequence);
        CHECK(end->printed.last.view() == words);
        CHECK(words.starts_with(live[end->sequence]));
        ++ended;
      }
    }
    if (ended < kJobs) {
      events.clear();
      pool.workers().read_output(read_of(worker, ended, live[ended].size(), effect::Answer::with_more),
                                 events);
      for (const Event& e : events) live[ended] += std::get<event::AttemptOutput>(e).bytes;
    }
    return ended == kJobs;
  };
  pool.until(follow, "the end of all jobs");
}

TEST_CASE("P4 the outputs of two workers do not mix") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId one = pool.start_ready();
  const WorkerId two = pool.start_ready();
  for (int i = 0; i < 50; ++i) {
    pool.dispatch(one, "print", arguments(0, "one " + std::to_string(i)));
    pool.dispatch(two, "print", arguments(0, "two " + std::to_string(i)));
  }
  pool.workers().flush();
  pool.until([&] { return pool.all<event::AttemptEnded>(one).size() == 50; }, "one");
  pool.until([&] { return pool.all<event::AttemptEnded>(two).size() == 50; }, "two");
  for (std::size_t i = 0; i < 50; ++i) {
    CHECK(pool.all<event::AttemptEnded>(one)[i].printed.last.view() == "one " + std::to_string(i));
    CHECK(pool.all<event::AttemptEnded>(two)[i].printed.last.view() == "two " + std::to_string(i));
  }
}
