// SPDX-License-Identifier: Apache-2.0
// The worker program of the system tests: functions that succeed, fail, wait for a file, and harm their own
// process.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <promised/outcome.hpp>
#include <promised/worker.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/fd.hpp"
#include "tests/system/story_types.hpp"

namespace {

using promised::test::Customer;
using namespace std::chrono_literals;

std::int64_t add(std::int64_t a, std::int64_t b) {
  return a + b;
}

promised::Value echo(promised::Value value) {
  return value;
}

Customer older(Customer customer, int years) {
  customer.age += years;
  return customer;
}

std::int64_t fail(std::string message) {
  std::puts("about to fail");
  throw std::runtime_error(message);
}

// Runs until `gate` exists, and returns its process: how long a job runs is the test's choice.
std::int64_t wait_for(std::string gate) {
  while (!std::filesystem::exists(gate)) std::this_thread::sleep_for(1ms);
  return ::getpid();
}

// The process that the daemon has started: this one's, or with isolation = job its parent.
std::int64_t worker_of() {
  return ::getpgid(0);
}

// One line in `file` for each time that it runs.
std::int64_t tally(std::string file) {
  std::ofstream(file, std::ios::app) << "ran\n" << std::flush;
  return ::getpid();
}

// The lines of `file` are in the order in which these jobs began.
void append(std::string file, std::string line) {
  std::ofstream(file, std::ios::app) << line + "\n" << std::flush;
}

std::int64_t tally_and_wait(std::string file, std::string gate) {
  tally(file);
  return wait_for(gate);
}

// The worker is not to outlive that for long.
void tally_and_kill(std::string file, std::int64_t process) {
  tally(file);
  ::kill(static_cast<pid_t>(process), SIGKILL);
}

std::int64_t raise_signal(int number) {
  std::puts("last words");
  std::fflush(stdout);
  ::signal(number, SIG_DFL);  // sanitizers catch some
  ::raise(number);
  return 0;
}

std::int64_t segfault() {
  volatile int* volatile nowhere = nullptr;
  return *nowhere;
}

std::int64_t leave(int code) {
  ::_exit(code);
}

std::int64_t spin() {
  for (volatile bool on = true; on;) {
  }
  return 0;
}

// Leaves a process behind that does not end by itself, in the background.
std::int64_t leave_a_child() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    while (true) ::pause();
  }
  return pid;
}

// Goes on; its note "left" tells the process.
void keep_a_child(promised::Job& job) {
  job.note("left", leave_a_child());
  while (true) ::pause();
}

std::uint64_t allocate(std::uint64_t mebibytes) {
  std::vector<char> much(mebibytes << 20, 'x');
  return much.size();
}

/// What it takes it does not give back.
std::uint64_t keep(std::uint64_t mebibytes) {
  static std::vector<char> kept;
  kept.assign(mebibytes << 20, 'x');
  return mebibytes;
}

std::string large(std::uint64_t size) {
  return std::string(size, 'x');
}

// The arguments that were given by name come as one map.
std::string described(std::string what, std::map<std::string, promised::Value> named) {
  for (const auto& [name, value] : named) {
    const auto* flag = value.get_if<bool>();
    what += " " + name + "=" +
            (flag != nullptr ? (*flag ? "true" : "false") : std::to_string(promised::from_value<int>(value)));
  }
  return what;
}

std::int64_t who() {
  return ::getuid();
}

// Part `i` begins with the number i.
std::string part_of(std::int64_t i, std::uint64_t size) {
  std::string part = std::to_string(i) + ".";
  if (part.size() < size) part.resize(size, 'x');
  return part;
}

std::int64_t emit(promised::Job& job, std::int64_t count, std::uint64_t size) {
  for (std::int64_t i = 0; i < count; ++i) job.emit(part_of(i, size));
  return count;
}

// The first parts at once, the others when `gate` exists.
std::int64_t emit_around(promised::Job& job, std::int64_t before, std::string gate, std::int64_t after) {
  for (std::int64_t i = 0; i < before; ++i) job.emit(part_of(i, 0));
  wait_for(gate);
  for (std::int64_t i = before; i < before + after; ++i) job.emit(part_of(i, 0));
  return before + after;
}

std::int64_t emit_and_raise(promised::Job& job, std::int64_t count, int number) {
  emit(job, count, 0);
  return raise_signal(number);
}

std::int64_t report_around(promised::Job& job, std::string gate) {
  job.progress(10, "begun");
  wait_for(gate);
  job.progress(60, "nearly");
  return job.attempt();
}

void write_all(const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::write(STDOUT_FILENO, bytes, size);
    if (n < 0) std::_Exit(9);
    bytes += n;
    size -= static_cast<std::size_t>(n);
  }
}

void print(const promised::Bytes& bytes) {
  write_all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Lines of 64 bytes that begin with their numbers.
std::int64_t print_lines(std::int64_t count) {
  std::string lines;
  for (std::int64_t i = 0; i < count; ++i) {
    std::string line = std::to_string(i);
    line.resize(63, '.');
    lines += line + "\n";
    if (lines.size() < (std::size_t{1} << 20) && i + 1 < count) continue;
    write_all(lines.data(), lines.size());
    lines.clear();
  }
  return count;
}

// stdout and stderr in turn; then the rest when `gate` exists.
void print_around(std::string before, std::string gate, std::string after) {
  std::printf("%s", before.c_str());
  std::fflush(stdout);
  std::fprintf(stderr, "(and an error)");
  wait_for(gate);
  std::printf("%s", after.c_str());
}

std::int64_t print_around_and_raise(std::string before, std::string gate, int number) {
  print_around(before, gate, "");
  return raise_signal(number);
}

// Runs until a client says stop, and says how far it has come.
std::string run_until_told(promised::Job& job) {
  job.note("ready", true);
  std::int64_t rounds = 0;
  while (!job.note<bool>("stop").value_or(false)) {
    ++rounds;
    std::this_thread::sleep_for(1ms);
  }
  job.note("rounds", rounds > 0);
  return job.note<std::string>("word").value_or("none");
}

// Runs until it is cancelled, and returns or throws then, having said so in `file`.
std::int64_t run_until_cancelled(promised::Job& job, std::string file, bool throws) {
  tally(file);
  while (!job.cancelled()) std::this_thread::sleep_for(1ms);
  tally(file);
  if (throws) throw std::runtime_error("cancelled");
  return 1;
}

// Sleeps until it is cancelled; its notes tell what woke it before that.
void sleep_until_cancelled(promised::Job& job) {
  const promised::Fd event(::eventfd(0, EFD_CLOEXEC));
  pollfd polled{event.get(), POLLIN, 0};
  const std::span<pollfd> fds(&polled, 1);
  const auto began = std::chrono::steady_clock::now();
  job.note("limit",
           job.poll(fds, 20ms) && polled.revents == 0 && std::chrono::steady_clock::now() - began >= 20ms);
  ::eventfd_write(event.get(), 1);
  job.note("event", job.poll(fds) && polled.revents == POLLIN &&
                        job.poll(fds, std::chrono::milliseconds::min()) && polled.revents == POLLIN);
  job.note("cancel", !job.poll({}) && job.cancelled() && !job.poll(fds));
}

std::int64_t ignore_sigterm(promised::Job& job, std::string gate) {
  ::signal(SIGTERM, SIG_IGN);
  job.note("ready", true);
  return wait_for(gate);
}

// The first attempt crashes at once, the others when `gate` exists.
std::int64_t crash_twice(promised::Job& job, std::string gate, int number) {
  if (job.attempt() > 1) wait_for(gate);
  return raise_signal(number);
}

// Crashes in its first attempts.
std::int64_t crash_until(promised::Job& job, std::uint32_t attempt) {
  if (job.attempt() < attempt) raise_signal(SIGSEGV);
  return job.attempt();
}

// Tells of its progress as long as `busy` exists, then says nothing more until `gate` exists.
std::int64_t report_while(promised::Job& job, std::string busy, std::string gate) {
  for (int i = 0; std::filesystem::exists(busy); ++i) {
    job.progress(i % 100);
    std::this_thread::sleep_for(10ms);
  }
  return wait_for(gate);
}

// Fails in its first attempts, as an exception of this kind.
std::int64_t fail_until(promised::Job& job, std::uint32_t attempt, std::string kind) {
  if (job.attempt() >= attempt) return job.attempt();
  if (kind == "permanent") throw promised::Permanent("no use");
  if (kind == "later") throw promised::RetryAfter(1h, "in an hour");
  if (kind == "now") throw promised::RetryAfter(-1h, "at once");
  throw std::runtime_error("attempt " + std::to_string(job.attempt()));
}

// Crashes until `mended` exists.
std::string crash_unless(std::string mended, std::string argument) {
  if (!std::filesystem::exists(mended)) raise_signal(SIGSEGV);
  return argument;
}

// What became of the job that it follows, in a few words.
std::string told(const promised::Outcome& outcome) {
  const std::string what(to_string(outcome.state));
  if (outcome.succeeded()) return what + " with " + std::to_string(outcome.result<std::int64_t>());
  return what + (outcome.failure.message.empty() ? "" : ": " + outcome.failure.message);
}

std::string tell(promised::Outcome outcome, std::string whom) {
  return whom + ": " + outcome.function + " has " + told(outcome);
}

std::string tell_all(std::vector<promised::Outcome> outcomes) {
  std::string text;
  for (const promised::Outcome& outcome : outcomes) text += (text.empty() ? "" : "; ") + told(outcome);
  return text;
}

void note_much(promised::Job& job, std::uint64_t size) {
  job.note("much", std::string(size, 'x'));
}

}  // namespace

int main(int argc, char** argv) {
  promised::Worker worker(argc, argv);
  worker.define("add", add)
      .define("echo", echo)
      .define("customer.older", older)
      .define("fail", fail)
      .define("wait_for", wait_for)
      .define("tally", tally)
      .define("append", append)
      .define("tally_and_wait", tally_and_wait)
      .define("tally_and_kill", tally_and_kill)
      .define("raise", raise_signal)
      .define("segfault", segfault)
      .define("worker_of", worker_of)
      .define("leave", leave)
      .define("spin", spin)
      .define("leave_a_child", leave_a_child)
      .define("keep_a_child", keep_a_child)
      .define("allocate", allocate)
      .define("keep", keep)
      .define("large", large)
      .define("emit", emit)
      .define("emit_around", emit_around)
      .define("emit_and_raise", emit_and_raise)
      .define("report_around", report_around)
      .define("run_until_told", run_until_told)
      .define("run_until_cancelled", run_until_cancelled)
      .define("sleep_until_cancelled", sleep_until_cancelled)
      .define("ignore_sigterm", ignore_sigterm)
      .define("crash_twice", crash_twice)
      .define("crash_until", crash_until)
      .define("fail_until", fail_until)
      .define("crash_unless", crash_unless)
      .define("report_while", report_while)
      .define("note_much", note_much)
      .define("tell", tell)
      .define("tell_all", tell_all)
      .define("print", print)
      .define("print_lines", print_lines)
      .define("print_around", print_around)
      .define("print_around_and_raise", print_around_and_raise)
      .define("described", described)
      .define("who", who);
  return worker.run();
}
