// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/limits.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

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

}  // namespace

Result<void> apply_limits(const SpawnRequest& request) {
  PROMISED_TRY(limit(RLIMIT_CORE, "core_size", request.core_size));
  if (request.open_files > 0) PROMISED_TRY(limit(RLIMIT_NOFILE, "open_files", request.open_files));
  if (request.nice != 0 && ::setpriority(PRIO_PROCESS, 0, request.nice) != 0)
    return Problem::system("nice = " + std::to_string(request.nice));
  return {};
}

Result<void> limit_processes(const SpawnRequest& request) {
  if (request.processes == 0) return {};
  if (::geteuid() == 0) {
    return Problem::of(
        "not_permitted",
        "processes = " + std::to_string(request.processes) +
            ": without a cgroup it is a user's processes that the kernel counts, and root's are "
            "not limited; give the pool a user of its own, or run the daemon where it has a "
            "cgroup (docs/pools.md)");
  }
  return limit(RLIMIT_NPROC, "processes", request.processes);
}

Result<void> limit_memory(const SpawnRequest& request) {
  if (request.memory_limit == 0) return {};
  return limit(RLIMIT_AS, "memory_limit", request.memory_limit);
}

}  // namespace promised
