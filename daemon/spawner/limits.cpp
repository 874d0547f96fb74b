// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/limits.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "common/fd.hpp"

namespace promised {
namespace {

Problem refused(std::string_view name, std::uint64_t value, std::uint64_t hard) {
  Problem problem = Problem::system(std::string(name) + " = " + std::to_string(value));
  if (errno == EPERM) problem.message += " (the hard limit is " + std::to_string(hard) + ")";
  return problem;
}

// Soft and hard: the worker cannot take it back.
Result<void> limit(__rlimit_resource resource, std::string_view name, std::uint64_t value) {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return Problem::system(name);
  const rlimit wanted{value, value};
  if (::setrlimit(resource, &wanted) != 0) return refused(name, value, now.rlim_max);
  return {};
}

// The soft one alone: who needs more files may have them.
Result<void> lower_open_files(std::uint64_t most) {
  rlimit now{};
  if (::getrlimit(RLIMIT_NOFILE, &now) != 0) return Problem::system("open_files");
  now.rlim_cur = std::min<rlim_t>(most, now.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &now) != 0) return Problem::system("open_files");
  return {};
}

// A limit of 0 keeps the kernel from writing a file, but not from starting the program that takes cores where
// core_pattern names one, and the end of the process waits for that. 1 does (core(5)), and is too little for
// a file. Who is not allowed even that has 0.
Result<void> limit_core(std::uint64_t bytes) {
  constexpr rlim_t kNone = 1;
  if (bytes != 0) return limit(RLIMIT_CORE, "core_size", bytes);
  rlimit now{};
  if (::getrlimit(RLIMIT_CORE, &now) != 0) return Problem::system("core_size");
  const rlimit none{kNone, kNone};
  if (::setrlimit(RLIMIT_CORE, &none) == 0) return {};
  if (errno != EPERM || now.rlim_max != 0) return refused("core_size", bytes, now.rlim_max);
  return limit(RLIMIT_CORE, "core_size", 0);
}

// Where the kernel groups processes by session (autogroups) a priority counts among those of one session
// alone, and a worker has one of its own: there it is the group that is to have the priority too. Not where
// there are none, or where this may not be written. One process in 100 ms may, if it has no privileges:
// others wait, and after kPatience go on without, for a priority is no limit.
void set_priority_of_session(int nice) {
  constexpr std::chrono::milliseconds kPause{10}, kPatience{3000};
  const Fd fd(::open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(nice);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (fd.valid() && ::write(fd.get(), text.data(), text.size()) < 0 && errno == EAGAIN &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kPause);
  }
}

Result<void> set_priority(int nice) {
  if (nice == 0) return {};
  if (::setpriority(PRIO_PROCESS, 0, nice) != 0) return Problem::system("nice = " + std::to_string(nice));
  set_priority_of_session(nice);
  return {};
}

}  // namespace

Result<void> apply_limits(const SpawnRequest& request, std::uint64_t open_files) {
  PROMISED_TRY(limit_core(request.core_size));
  if (request.open_files > 0) {
    PROMISED_TRY(limit(RLIMIT_NOFILE, "open_files", request.open_files));
  } else if (open_files > 0) {
    PROMISED_TRY(lower_open_files(open_files));
  }
  return set_priority(request.nice);
}

Result<void> limit_processes(const SpawnRequest& request) {
  if (request.processes == 0) return {};
  if (::geteuid() == 0) {
    return Problem::of(
        "not_permitted",
        "processes = " + std::to_string(request.processes) +
            ": without a cgroup that counts them it is a user's processes that the kernel counts, "
            "and root's are not limited; give the pool a user of its own, "
            "or run the daemon where it has a cgroup with the controller pids (docs/pools.md)");
  }
  return limit(RLIMIT_NPROC, "processes", request.processes);
}

Result<void> limit_memory(const SpawnRequest& request) {
  if (request.memory_limit == 0) return {};
  return limit(RLIMIT_AS, "memory_limit", request.memory_limit);
}

}  // namespace promised
