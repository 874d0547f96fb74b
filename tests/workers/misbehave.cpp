// SPDX-License-Identifier: Apache-2.0
// A worker whose every function does harm, to its own process or to what surrounds it.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <promised/worker.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr int kChannel = 3;
constexpr int kOutputCopy = 4;  // by which the library counts what is printed

// The sanitizers have handlers of their own, which would make an exit of it.
void crash_with(int signal) {
  ::signal(signal, SIG_DFL);
}

__attribute__((no_sanitize("undefined", "address"))) void segfault() {
  crash_with(SIGSEGV);
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

void abort_now() {
  crash_with(SIGABRT);
  std::abort();
}

void sleep_for_ever() {
  for (;;) ::pause();
}

void ignore_sigterm(promised::Job& job) {
  ::signal(SIGTERM, SIG_IGN);
  job.progress(0, "deaf");
  sleep_for_ever();
}

void throw_runtime_error(const std::string& what) {
  throw std::runtime_error(what);
}

// Touches what it takes, so that it is there.
std::uint64_t allocate() {
  std::vector<std::vector<char>> all;
  for (;;) all.emplace_back(std::size_t{1} << 20, 'x');
}

void print(std::uint64_t bytes, const std::string& last_words) {
  const std::string chunk(std::size_t{1} << 16, 'x');
  for (std::uint64_t done = 0; done < bytes; done += chunk.size()) {
    if (::write(STDOUT_FILENO, chunk.data(), chunk.size()) < 0) std::_Exit(9);
  }
  if (::write(STDERR_FILENO, last_words.data(), last_words.size()) < 0) std::_Exit(9);
}

void print_and_throw(std::uint64_t bytes, const std::string& last_words) {
  print(bytes, last_words);
  throw std::runtime_error("after printing");
}

// Left in the program's own buffer, which nobody but the library flushes.
void print_buffered_and_throw(const std::string& text) {
  std::ios::sync_with_stdio(false);
  std::cout << text;
  throw std::runtime_error("after printing");
}

void report_and_print(promised::Job& job, const std::string& words) {
  job.progress(0, "printing");
  print(0, words);
}

void print_and_sleep(const std::string& words) {
  print(0, words);
  sleep_for_ever();
}

void print_and_abort(const std::string& last_words) {
  print(0, last_words);
  abort_now();
}

// A grandchild that nobody waits for; its pid. `own_session`: it has left the worker's session and process
// group.
std::int64_t orphan(bool own_session) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::_Exit(9);
  const pid_t child = ::fork();
  if (child == 0) {
    if (own_session) ::setsid();
    const pid_t grandchild = ::fork();
    if (grandchild == 0) sleep_for_ever();
    std::_Exit(::write(ends[1], &grandchild, sizeof grandchild) < 0 ? 9 : 0);
  }
  pid_t grandchild = -1;
  if (::read(ends[0], &grandchild, sizeof grandchild) < 0) std::_Exit(9);
  ::waitpid(child, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  return grandchild;
}

void close_channel() {
  ::close(kChannel);
  sleep_for_ever();
}

void write_garbage(const std::string& garbage) {
  if (::send(kChannel, garbage.data(), garbage.size(), MSG_NOSIGNAL) < 0) std::_Exit(9);
  sleep_for_ever();
}

// Both parent and child come back from this function.
std::int64_t fork_and_return() {
  const pid_t child = ::fork();
  if (child > 0) ::waitpid(child, nullptr, 0);
  return child;
}

// Holds the pipe's and the channel's ends open as long as it may.
std::int64_t leave_child_behind() {
  const pid_t child = ::fork();
  if (child == 0) sleep_for_ever();
  return child;
}

// The descriptors above stderr that a program started by this job would have.
std::vector<std::int64_t> fds_of_a_program() {
  std::vector<std::int64_t> open;
  for (int fd = 3; fd < 64; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) open.push_back(fd);
  }
  return open;
}

std::map<std::string, bool> signals() {
  struct sigaction pipe_action {};
  ::sigaction(SIGPIPE, nullptr, &pipe_action);
  sigset_t blocked;
  ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
  return {
      {"sigpipe is default", pipe_action.sa_handler == SIG_DFL},
      {"nothing is blocked", ::sigismember(&blocked, SIGTERM) == 0 && ::sigismember(&blocked, SIGCHLD) == 0}};
}

struct Odd {};

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) std::cout << argv[1] << std::flush;  // before any job
  promised::Worker worker(argc, argv);
  worker.define("segfault", segfault)
      .define("abort", abort_now)
      .define("exit", [](int code) { std::exit(code); })
      .define("sleep", sleep_for_ever)
      .define("ignore_sigterm", ignore_sigterm)
      .define("throw", throw_runtime_error)
      .define("throw_int", [] { throw 42; })
      .define("throw_odd", [] { throw Odd(); })
      .define("throw_text", [] { throw "just text"; })
      .define("throw_latin1", [] { throw std::runtime_error("caf\xe9"); })
      .define("throw_mismatch", [] { throw promised::Mismatch("place", "this", "that"); })
      .define("allocate", allocate)
      .define("print", print)
      .define("print_and_throw", print_and_throw)
      .define("print_buffered_and_throw", print_buffered_and_throw)
      .define("report_and_print", report_and_print)
      .define("print_and_sleep", print_and_sleep)
      .define("print_and_abort", print_and_abort)
      .define("forget_output", [] { ::close(kOutputCopy); })
      .define("orphan", orphan)
      .define("close_channel", close_channel)
      .define("write_garbage", write_garbage)
      .define("fork_and_return", fork_and_return)
      .define("leave_child_behind", leave_child_behind)
      .define("fds_of_a_program", fds_of_a_program)
      .define("signals", signals)
      .define("nest",
              [](int depth) {
                promised::Value value;
                for (int i = 0; i < depth; ++i)
                  value = promised::Value(promised::Value::List{std::move(value)});
                return value;
              })
      .define("big", [](std::uint64_t n) { return std::string(n, 'b'); })
      .define("nap", [](int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); })
      .define("quick", [](std::int64_t n) { return n; });
  return worker.run();
}
