// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>

#include "tests/workers/misbehave.hpp"

namespace misbehave {
namespace {

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

// That its worker does not get to see.
std::int64_t orphan_elsewhere() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  return orphan(true);
}

void orphan_and_abort(bool own_session) {
  orphan(own_session);
  abort_now();
}

// The same, told in a report, by a job that does not end.
void orphan_and_sleep(promised::Job& job, bool own_session) {
  job.progress(0, std::to_string(orphan(own_session)));
  sleep_for_ever();
}

// The tracer is told of this process's end before its parent is, and has left the group that is killed.
// Nobody can tell whose it is.
void sleep_traced_by_orphan() {
  int ends[2], answer[2];
  if (::pipe2(ends, O_CLOEXEC) != 0 || ::pipe2(answer, O_CLOEXEC) != 0) std::_Exit(9);
  const pid_t worker = ::getpid();
  const pid_t tracer = ::fork();
  if (tracer == 0) {
    char go = 0;
    ::setsid();
    ::prctl(PR_SET_DUMPABLE, 0);
    if (::read(ends[0], &go, 1) != 1 || ::ptrace(PTRACE_SEIZE, worker, nullptr, nullptr) != 0) std::_Exit(9);
    if (::write(answer[1], "", 1) != 1) std::_Exit(9);
    sleep_for_ever();
  }
  ::close(answer[1]);
  ::prctl(PR_SET_PTRACER, tracer);  // where a kernel wants to be told
  char traced = 0;
  if (::write(ends[1], "", 1) != 1 || ::read(answer[0], &traced, 1) != 1) std::_Exit(9);
  sleep_for_ever();
}

// A child of a thread that outlives the job.
std::int64_t child_of_a_thread() {
  static std::atomic<pid_t> child = 0;
  std::thread([] {
    const pid_t forked = ::fork();
    if (forked == 0) sleep_for_ever();
    child = forked;
    sleep_for_ever();
  }).detach();
  while (child == 0) std::this_thread::yield();
  return child;
}

// Both parent and child come back from this function.
std::int64_t fork_and_return() {
  const pid_t child = ::fork();
  if (child > 0) ::waitpid(child, nullptr, 0);
  return child;
}

std::int64_t leave_child_behind() {
  const pid_t child = ::fork();
  if (child == 0) sleep_for_ever();
  return child;
}

// Holds the pipe's and the channel's ends open as long as it may.
void leave_child_behind_and_crash(promised::Job& job) {
  job.progress(0, std::to_string(leave_child_behind()));
  segfault();
}

// Processes that make processes, `most` in all; each writes its pid into `file`, and none ends by itself.
void fork_bomb(const std::string& file, int most) {
  void* shared =
      ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) std::_Exit(9);
  auto& made = *new (shared) std::atomic<int>(0);
  const int out = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  while (made.fetch_add(1) < most) {
    if (::fork() != 0) continue;
    const std::string line = std::to_string(::getpid()) + "\n";
    if (::write(out, line.data(), line.size()) < 0) std::_Exit(9);
  }
  sleep_for_ever();
}

// Processes that make processes, each in a session of its own and as many as there may be, for half a minute
// at most. All of them hold a lock on `file`. The job's note "full" tells that there may be no more.
void bomb_in_sessions(promised::Job& job, const std::string& file) {
  const int lock = ::open(file.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0 || ::flock(lock, LOCK_SH) != 0) std::_Exit(9);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  const pid_t first = ::getpid();
  for (bool full = false; std::chrono::steady_clock::now() < end;) {
    const pid_t child = ::fork();
    if (child == 0) ::setsid();
    if (child >= 0) continue;
    if (!full && ::getpid() == first) job.note("full", true);
    full = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // it is not the processor that is used up
  }
  if (::getpid() != first) ::_exit(0);
}

}  // namespace

void define_processes(promised::Worker& worker, pid_t helper) {
  worker.define("orphan", orphan)
      .define("orphan_elsewhere", orphan_elsewhere)
      .define("orphan_and_abort", orphan_and_abort)
      .define("orphan_and_sleep", orphan_and_sleep)
      .define("child_of_a_thread", child_of_a_thread)
      .define("leave_child_behind", leave_child_behind)
      .define("leave_child_behind_and_crash", leave_child_behind_and_crash)
      .define("sleep_traced_by_orphan", sleep_traced_by_orphan)
      .define("helper", [helper] { return std::int64_t{helper}; })
      .define("fork_and_return", fork_and_return)
      .define("fork_bomb", fork_bomb)
      .define("bomb_in_sessions", bomb_in_sessions);
}

}  // namespace misbehave
