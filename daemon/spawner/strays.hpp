// SPDX-License-Identifier: Apache-2.0
// What /proc tells of processes that a worker left behind: orphans, which the kernel has made children of the
// spawner, or of the daemon where the spawner was killed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"

namespace promised {

/// The children of the calling thread, whether they live or wait to be reaped.
[[nodiscard]] Result<std::vector<pid_t>> children_of_this_thread();

/// Whether this child has ended, and waits to be reaped.
[[nodiscard]] bool has_ended(pid_t child);

/// Children that have been killed and not reaped yet. A corpse keeps its place among the processes that its
/// user, or its cgroup, may have. So who forks up to that limit makes no further one until somebody is
/// reaped: first all are killed, and what comes out of them, and reaped when all of it is dead.
class Killed {
 public:
  /// As many corpses may wait: what forks without a limit is not to fill the machine with them.
  static constexpr std::size_t kMost = 4096;

  /// False: it belongs to another user. A child that is dead already is taken as well.
  bool kill(pid_t child);
  [[nodiscard]] bool contains(pid_t child) const { return all_.contains(child); }
  [[nodiscard]] bool empty() const { return all_.empty(); }
  [[nodiscard]] bool too_many() const { return all_.size() > kMost; }
  [[nodiscard]] bool all_dead();
  /// Waits until one that lives is dead, or `most` is over.
  void await_a_death(std::chrono::milliseconds most);
  /// Those that are dead, so many at most. False: some of them are left.
  bool reap(std::size_t most);

 private:
  void look();

  std::set<pid_t> all_;
  std::vector<pid_t> living_;  ///< of `all_`, when they were last looked at
};

/// Kills and reaps all children of the calling thread but `spared`, and what becomes a child of it by that,
/// until there are no more. Those that it may not kill, because they belong to another user, and those that
/// are still there five seconds later.
[[nodiscard]] Result<std::vector<pid_t>> end_children(const std::vector<pid_t>& spared = {});

/// Nothing if there is no such process any more.
[[nodiscard]] std::optional<pid_t> session_of(pid_t pid);

/// When the process was started, in the kernel's ticks since boot: with its pid, this stands for it alone.
/// Nothing if it has ended, reaped or not.
[[nodiscard]] std::optional<std::uint64_t> started_at(pid_t pid);

/// A variable of the environment that the process was started with; nothing if it is not there, or may not be
/// read. Its owner's processes can be read by root even where root may not trace them.
[[nodiscard]] std::optional<std::string> variable_of(pid_t pid, std::string_view name);

/// The worker's number in that environment (kWorkerVariable).
[[nodiscard]] std::optional<std::uint32_t> worker_of(pid_t pid);

/// Its command line, as one line; its name where it has none.
[[nodiscard]] std::string command_of(pid_t pid);

}  // namespace promised
