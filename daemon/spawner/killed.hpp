// SPDX-License-Identifier: Apache-2.0
// Children of the calling thread that are killed and reaped: of the spawner, or of the daemon where the
// spawner was killed. Many of them are orphans that a worker left behind.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <set>
#include <vector>

#include "common/result.hpp"

namespace promised {

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

/// The end of a traced process, or thread, is told to its tracer first: until then a child that was killed
/// has not ended. Reaps its threads whose tracer the calling thread is (PTRACE_TRACEME), and kills its tracer
/// where that is another child of the calling process.
void end_tracers(pid_t child);

/// Kills and reaps all children of the calling thread but `spared`, and what becomes a child of it by that,
/// until there are no more. Those that it may not kill, because they belong to another user, and those that
/// are still there five seconds later.
[[nodiscard]] Result<std::vector<pid_t>> end_children(const std::vector<pid_t>& spared = {});

}  // namespace promised
