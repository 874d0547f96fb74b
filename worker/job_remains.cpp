// SPDX-License-Identifier: Apache-2.0
#include "worker/job_remains.hpp"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>

#include "common/fd.hpp"

namespace promised::detail {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{1};

bool is_subreaper() {
  int is = 0;
  return ::prctl(PR_GET_CHILD_SUBREAPER, &is) == 0 && is != 0;
}

bool has_children() {
  siginfo_t any{};
  return ::waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 || errno != ECHILD;
}

/// Of all threads, the dead that nobody has waited for among them; nothing if that cannot be told.
std::optional<std::vector<pid_t>> children() {
  std::vector<pid_t> found;
  std::error_code error;
  std::filesystem::directory_iterator thread("/proc/self/task", error);
  for (; !error && thread != std::filesystem::directory_iterator(); thread.increment(error)) {
    std::ifstream file(thread->path() / "children");
    if (!file && ::access(thread->path().c_str(), F_OK) == 0) return std::nullopt;
    for (pid_t pid = 0; file >> pid;) found.push_back(pid);
  }
  if (error) return std::nullopt;
  return found;
}

/// Waits for the end of a child that was killed, but no longer than that.
void reap(pid_t pid, Clock::time_point deadline) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid()) return;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  pollfd polled{process.get(), POLLIN, 0};
  static_cast<void>(::poll(&polled, 1, std::max(0, static_cast<int>(left.count()))));
  ::waitpid(pid, nullptr, WNOHANG | __WALL);
}

}  // namespace

JobRemains::JobRemains() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (has_children()) own_ = children().value_or(std::vector<pid_t>());
}

JobRemains::Rest JobRemains::end() {
  if (has_children() && !end_all()) return Rest::here;
  return is_subreaper() ? Rest::none : Rest::elsewhere;
}

void JobRemains::await_group() {
  const pid_t group = ::getpgrp();
  while (has_children()) {
    std::optional<std::vector<pid_t>> now = left();
    if (now) std::erase_if(*now, [&](pid_t pid) { return ::getpgid(pid) != group; });
    if (!now || now->empty()) return;
    // What is below it comes to this process as it ends, and has its turn in the next round.
    siginfo_t ended{};
    while (::waitid(P_PID, static_cast<id_t>(now->front()), &ended, WEXITED | __WALL) != 0 &&
           errno == EINTR) {
    }
  }
}

std::optional<std::vector<pid_t>> JobRemains::left() {
  std::optional<std::vector<pid_t>> now = children();
  if (!now) return std::nullopt;
  // What has gone is forgotten: its number may stand for another process soon.
  std::erase_if(own_, [&](pid_t pid) { return std::find(now->begin(), now->end(), pid) == now->end(); });
  std::erase_if(*now, [&](pid_t pid) { return std::find(own_.begin(), own_.end(), pid) != own_.end(); });
  return now;
}

// Only children are killed: their numbers cannot have come to stand for other processes. What is below them
// comes to this process as they end, and has its turn in the next round.
bool JobRemains::end_all() {
  const auto deadline = Clock::now() + kPatience;
  for (;;) {
    const std::optional<std::vector<pid_t>> now = left();
    if (!now) return false;
    if (now->empty()) return true;
    if (Clock::now() > deadline) return false;
    for (const pid_t pid : *now) ::kill(pid, SIGKILL);
    for (const pid_t pid : *now) reap(pid, deadline);
  }
}

}  // namespace promised::detail
