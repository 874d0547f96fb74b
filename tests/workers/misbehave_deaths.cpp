// SPDX-License-Identifier: Apache-2.0
#include <linux/close_range.h>
#include <linux/sockios.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/claim_page.hpp"
#include "tests/workers/misbehave.hpp"

namespace {

struct Odd {};  // its name is told

}  // namespace

namespace misbehave {
namespace {

void ignore_sigterm(promised::Job& job) {
  ::signal(SIGTERM, SIG_IGN);
  job.progress(0, "deaf");
  sleep_for_ever();
}

// Says, in the memory that its worker shares with the daemon, that this job has not begun; and dies.
void deny_having_begun(const std::string& runs) {
  std::ofstream(runs, std::ios::app) << ::getpid() << '\n';
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line) && line.find("promised-page") == std::string::npos) {
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  auto* page = reinterpret_cast<promised::ClaimPage*>(std::stoull(line, nullptr, 16));
  page->word -= std::uint64_t{1} << 32;
  ::kill(::getpid(), SIGKILL);
}

// Touches what it takes, so that it is there.
std::uint64_t allocate() {
  std::vector<std::vector<char>> all;
  for (;;) all.emplace_back(std::size_t{1} << 20, 'x');
}

// Half of the answer is on its way when the process goes. It goes in small pieces, so that there is time for
// that.
std::string killed_in_mid_answer(std::uint64_t size) {
  const int piece = 4096;
  if (::setsockopt(kChannel, SOL_SOCKET, SO_SNDBUF, &piece, sizeof piece) != 0) std::_Exit(9);
  static std::atomic<bool> watched = false;
  std::thread([] {
    watched = true;
    for (int waiting = 0; waiting == 0;) ::ioctl(kChannel, SIOCOUTQ, &waiting);
    ::kill(::getpid(), SIGKILL);
  }).detach();
  while (!watched) std::this_thread::yield();
  return std::string(size, 'x');
}

void close_channel() {
  ::close(kChannel);
  sleep_for_ever();
}

void write_garbage(const std::string& garbage) {
  if (::send(kChannel, garbage.data(), garbage.size(), MSG_NOSIGNAL) < 0) std::_Exit(9);
  sleep_for_ever();
}

// Deeper than any stack, with something to do at each level.
__attribute__((noinline, no_sanitize("address"))) std::int64_t descend(std::int64_t depth) {
  volatile char room[4096] = {};
  room[static_cast<std::size_t>(depth) % sizeof room] = 1;
  const std::int64_t deeper = depth < 0 ? 0 : descend(depth + 1);
  return deeper + room[0];
}

std::int64_t overflow_stack() {
  crash_with(SIGSEGV);
  return descend(0);
}

// Its parent is told of each of its signals before it is.
void segfault_traced() {
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) std::_Exit(9);
  segfault();
}

// A thread that the parent traces: until it has looked at the thread's end, this process has not ended.
void have_traced_thread() {
  static std::atomic<bool> traced = false;
  std::thread([] {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) std::_Exit(9);
    traced = true;
    sleep_for_ever();
  }).detach();
  while (!traced) std::this_thread::yield();
}

void sleep_with_traced_thread() {
  have_traced_thread();
  sleep_for_ever();
}

void segfault_with_traced_thread() {
  have_traced_thread();
  segfault();
}

// What std::exit calls at the end ends the process in its own way.
void exit_in_destructor(int code) {
  struct Last {
    int code;
    ~Last() { ::_exit(code); }
  };
  static const Last last{code};
  std::exit(0);
}

void close_everything() {
  ::close_range(0, ~0U, 0);
}

void send_on_channel(const promised::Bytes& bytes) {
  if (::send(kChannel, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) std::_Exit(9);
}

void send_and_die(const promised::Bytes& bytes) {
  send_on_channel(bytes);
  ::kill(::getpid(), SIGKILL);
}

// A thread that goes on when its job has ended, until `file` is there, and then takes the process with it.
void leave_thread(const std::string& file) {
  std::thread([file] {
    while (!std::filesystem::exists(file)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    abort_now();
  }).detach();
}

}  // namespace

void crash_with([[maybe_unused]] int signal) {
#ifdef PROMISED_SANITIZED
  ::signal(signal, SIG_DFL);
#endif
}

__attribute__((noinline, no_sanitize("undefined", "address"))) void segfault() {
  crash_with(SIGSEGV);
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

__attribute__((noinline)) void abort_now() {
  crash_with(SIGABRT);
  std::abort();
}

void sleep_for_ever() {
  for (;;) ::pause();
}

void define_deaths(promised::Worker& worker) {
  worker.define("segfault", segfault)
      .define("segfault_traced", segfault_traced)
      .define("sleep_with_traced_thread", sleep_with_traced_thread)
      .define("segfault_with_traced_thread", segfault_with_traced_thread)
      .define("abort", abort_now)
      .define("exit", [](int code) { std::exit(code); })
      .define("leave", [](int code) { ::_exit(code); })
      .define("exit_in_destructor", exit_in_destructor)
      .define("overflow_stack", overflow_stack)
      .define("sleep", sleep_for_ever)
      .define("ignore_sigterm", ignore_sigterm)
      .define("stop_itself", [] { ::kill(::getpid(), SIGSTOP); })
      .define("spin",
              [] {
                for (volatile bool on = true; on;) {
                }
              })
      .define("throw", [](const std::string& what) { throw std::runtime_error(what); })
      .define("throw_int", [] { throw 42; })
      .define("throw_odd", [] { throw Odd(); })
      .define("throw_text", [] { throw "just text"; })
      .define("throw_latin1", [] { throw std::runtime_error("caf\xe9"); })
      .define("throw_mismatch", [] { throw promised::Mismatch("place", "this", "that"); })
      .define("allocate", allocate)
      .define("killed_in_mid_answer", killed_in_mid_answer)
      .define("close_channel", close_channel)
      .define("close_everything", close_everything)
      .define("write_garbage", write_garbage)
      .define("send_on_channel", send_on_channel)
      .define("send_and_die", send_and_die)
      .define("leave_thread", leave_thread)
      .define("deny_having_begun", deny_having_begun);
}

}  // namespace misbehave
