// SPDX-License-Identifier: Apache-2.0
// What jobs print: kept with them, and followed as it comes (SEMANTICS P4).
#include <doctest/doctest.h>

#include <csignal>
#include <cstring>
#include <sstream>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

constexpr std::size_t kKept = std::size_t{64} << 10;
#ifndef PROMISED_SANITIZED
constexpr std::uint64_t kGigabyte = std::uint64_t{1} << 30;
#else  // with which each line takes its time
constexpr std::uint64_t kGigabyte = std::uint64_t{1} << 27;
#endif
constexpr std::int64_t kLines = kGigabyte / 64;  // of print_lines

Options named(const std::string& name = "job") {
  return Options().remember(name, 1h);
}

Bytes bytes_of(const std::string& text) {
  Bytes bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

/// Every byte there is, zeros and what is no UTF-8 among them, `size` in all.
std::string odd_bytes(std::size_t size) {
  std::string odd(size, '\0');
  for (std::size_t i = 0; i < size; ++i) odd[i] = static_cast<char>(i * 7 + i / 256);
  return odd;
}

/// The last `size` bytes of what print_lines prints.
std::string end_of_lines(std::int64_t count, std::size_t size) {
  std::string lines;
  for (std::int64_t i = count - static_cast<std::int64_t>(size / 64); i < count; ++i) {
    std::string line = std::to_string(i);
    line.resize(63, '.');
    lines += line + "\n";
  }
  return lines;
}

struct Followed {
  std::string bytes;  ///< of the last run
  std::uint64_t lost = 0;
  int runs = 1;
};

void add(Followed& all, const OutputPiece& piece) {
  if (piece.anew) all = {{}, 0, all.runs + 1};
  all.bytes += piece.bytes;
  all.lost += piece.lost;
}

Followed follow_all(const AnyFuture& job) {
  Followed all;
  for (const OutputPiece& piece : job.follow_output(kPatience)) add(all, piece);
  return all;
}

std::uint64_t peak_kib(pid_t pid) {
  std::istringstream status(read_file("/proc/" + std::to_string(pid) + "/status"));
  std::string word;
  std::uint64_t kib = 0;
  while (status >> word) {
    if (word == "VmHWM:") status >> kib;
  }
  return kib;
}

}  // namespace

TEST_CASE("P4 what a job prints is kept byte for byte, for any process, and over the death of the daemon") {
  TestDaemon daemon(story_config());
  const std::string odd = odd_bytes(5000);
  {
    Client client = connect(daemon);
    const auto job = client.submit(named(), "print", bytes_of(odd));
    (void)job.value(kPatience);
    CHECK(job.output() == odd);
    CHECK(client.show(JobKey("job")).output_size == odd.size());
  }
  daemon.restart_after_kill();
  Client client = connect(daemon);
  CHECK(client.future("job").output() == odd);
  CHECK(follow_all(client.future("job")).bytes == odd);
  CHECK(follow_all(client.future("job")).lost == 0);
  CHECK(client.show(JobKey("job")).output_size == odd.size());
  CHECK(client.forget("job"));
}

TEST_CASE("P4 a job that prints nothing has no output, with a name or without") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto job = client.submit<std::int64_t>("add", 1, 2);
  CHECK(job.result(kPatience) == 3);
  CHECK(job.output().empty());
  CHECK(follow_all(job).bytes.empty());
  (void)client.submit(named(), "add", 1, 2).value(kPatience);
  CHECK(connect(daemon).future("job").output().empty());
}

TEST_CASE("P4 output is followed while the job runs, stdout and stderr as a terminal shows them") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto job = client.submit(named(), "print_around", "before ", gate.string(), " after");
  auto pieces = job.follow_output(kPatience);
  std::string seen;
  const std::string before = "before (and an error)";
  while (seen.size() < before.size()) seen += pieces.next()->bytes;
  CHECK(seen == before);
  CHECK_FALSE(job.done());
  CHECK(job.output() == before);
  CHECK(connect(daemon).future("job").output() == before);
  auto impatient = job.follow_output(1ms);
  CHECK(eventually([&] {
    try {
      seen += impatient.next() ? "" : "too early";
      return false;
    } catch (const TimeoutError&) {
      return true;  // it can be asked again
    }
  }));
  write_file(gate, "");
  while (const auto piece = pieces.next()) seen += piece->bytes;
  CHECK(seen == before + " after");
  CHECK(follow_all(job).bytes == seen);
}

TEST_CASE("P4 a job without a name is followed to its end, and its output goes with its outcome") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto job = client.submit("print_around", "before", gate.string(), " after");
  auto pieces = job.follow_output(kPatience);
  std::string seen = pieces.next()->bytes;
  write_file(gate, "");
  CHECK(job.wait(kPatience));
  (void)client.submit("add", 1, 1).value(kPatience);  // its outcome has been acknowledged by now
  while (const auto piece = pieces.next()) seen += piece->bytes;
  CHECK(seen == "before(and an error) after");
  CHECK(eventually([&] {
    return thrown_by([&] { (void)job.output(); }).starts_with("NoSuchFuture lapsed") ||
           thrown_by([&] { (void)job.output(); }).starts_with("NoSuchFuture unknown");
  }));
  CHECK(thrown_by([&] { (void)job.output(); }).find("follow it while it runs") != std::string::npos);
}

TEST_CASE("P4 a gigabyte that nobody reads ends with its job, and the daemon keeps the last 64 KiB") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const std::uint64_t before = peak_kib(daemon.pid());
  const auto job = client.submit(named(), "print_lines", kLines);
  CHECK(job.value(5min) == Value(kLines));
  CHECK(job.output() == end_of_lines(kLines, kKept));
  const Followed late = follow_all(job);
  CHECK(late.bytes == end_of_lines(kLines, kKept));
  CHECK(late.lost == kGigabyte - kKept);
#ifndef PROMISED_SANITIZED  // sanitizers keep what was freed for a while
  CHECK(peak_kib(daemon.pid()) - before < 32 * 1024);
#else
  CHECK(before > 0);
#endif
}

TEST_CASE(
    "P4 a follower that reads slowly holds up neither the job nor the daemon, and sees what it has lost") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const std::uint64_t before = peak_kib(daemon.pid());
  const auto gate = daemon.directory() / "gate";
  const auto job = client.submit(named(), "print_lines", kLines);
  auto pieces = job.follow_output(kPatience);
  Followed all;
  add(all, *pieces.next());
  CHECK(job.value(5min) == Value(kLines));  // meanwhile nothing is read
  CHECK(client.submit<std::int64_t>("add", 1, 2).result(kPatience) == 3);
  std::uint64_t numbered = all.lost + all.bytes.size();
  while (const auto piece = pieces.next()) {
    add(all, *piece);
    numbered += piece->lost + piece->bytes.size();
  }
  CHECK(numbered == kGigabyte);
  CHECK(all.lost > kGigabyte / 2);
  CHECK(all.bytes.ends_with(end_of_lines(kLines, kKept)));
#ifndef PROMISED_SANITIZED
  CHECK(peak_kib(daemon.pid()) - before < 64 * 1024);
#else
  CHECK(before > 0);
#endif
}

TEST_CASE("P4 a follower that keeps up gets every line of it") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto job = client.submit(named(), "print_lines", 100);
  const Followed all = follow_all(job);
  CHECK(all.bytes == end_of_lines(100, 6400));
  CHECK(all.lost == 0);
}

TEST_CASE("P4 jobs in one worker, one behind the other, and in two at once do not mix") {
  for (const int workers : {1, 2}) {
    CAPTURE(workers);
    TestDaemon daemon(story_config(workers));
    Client client = connect(daemon);
    std::vector<AnyFuture> jobs;
    for (int i = 0; i < 200; ++i)
      jobs.push_back(
          client.submit(named(std::to_string(i)), "print", bytes_of("words of " + std::to_string(i))));
    int wrong = 0;
    for (int i = 0; i < 200; ++i) {
      (void)jobs[static_cast<std::size_t>(i)].value(kPatience);
      if (jobs[static_cast<std::size_t>(i)].output() != "words of " + std::to_string(i)) ++wrong;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("P4 a crash, a cancelling and a timeout leave what was printed before") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto crash = client.submit(named("crash"), "raise", SIGSEGV);
  CHECK(crash.failure(kPatience)->cause == Cause::crashed);
  CHECK(crash.output() == "last words\n");
  const auto cancelled = client.submit(named("cancelled"), "print_around", "words", gate.string(), "");
  CHECK(eventually([&] { return cancelled.output() == "words(and an error)"; }));
  CHECK(cancelled.cancel());
  CHECK(cancelled.wait(kPatience));
  CHECK(cancelled.output() == "words(and an error)");
  const auto late = client.submit(named("late").run_timeout(2s), "print_around", "words", gate.string(), "");
  CHECK(late.failure(kPatience)->cause == Cause::timed_out);
  CHECK(late.output() == "words(and an error)");
}

TEST_CASE("P4 when the daemon is killed in the middle a follower goes on with the next run, and is told") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto job = client.submit(named(), "print_around", "before", gate.string(), " after");
  job.accepted(kPatience);
  auto pieces = job.follow_output(kPatience);
  Followed all;
  while (all.bytes.size() < 20) add(all, *pieces.next());
  daemon.restart_after_kill();
  write_file(gate, "");
  while (const auto piece = pieces.next()) add(all, *piece);
  CHECK(all.runs == 2);
  CHECK(all.bytes == "before(and an error) after");
}

TEST_CASE("P4 max_output is what is kept of each job; with 0 nothing is, but it can be followed") {
  DaemonConfig config = story_config();
  config.limit("max_output", "100");
  TestDaemon daemon(config);
  Client client = connect(daemon);
  const auto job = client.submit(named(), "print", bytes_of(odd_bytes(5000)));
  (void)job.value(kPatience);
  CHECK(job.output() == odd_bytes(5000).substr(4900));

  DaemonConfig none = story_config();
  none.limit("max_output", "0");
  TestDaemon other(none);
  Client there = connect(other);
  const auto gate = other.directory() / "gate";
  const auto followed = there.submit(named(), "print_around", "before", gate.string(), "");
  auto pieces = followed.follow_output(kPatience);
  CHECK(pieces.next()->bytes.starts_with("before"));
  write_file(gate, "");
  (void)followed.value(kPatience);
  CHECK(followed.output().empty());
  CHECK(there.show(JobKey("job")).output_size == 0);
}

TEST_CASE("P4 others neither see nor follow a job's output, and are not told that it is there") {
  TestDaemon daemon(story_config().for_everyone());
  daemon.directory().open_to_everyone();
  const std::string id = in_other_process([&] {
    Client client = connect(daemon);
    const auto job = client.submit(named(), "print", bytes_of("secret"));
    (void)job.value(kPatience);
    return job.id().text();
  });
  const JobId job = JobId::parse(id).value();
  const std::string seen = in_other_process(
      [&] {
        Client client = connect(daemon);
        return thrown_by([&] { (void)client.future(job).output(); });
      },
      kStranger);
  CHECK(seen == "NoSuchFuture unknown: there is no job " + id);
}
