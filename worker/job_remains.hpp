// SPDX-License-Identifier: Apache-2.0
// What a job leaves behind: processes that it has started, or that those have started, and that are there
// when it has ended. They end with it (SEMANTICS I4), wherever they have gone: a process whose parent has
// ended comes to this one, also from another session.
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

namespace promised::detail {

class JobRemains {
 public:
  /// Before the first job. The children that the program has by now are its own, and stay.
  JobRemains();

  enum class Rest {
    none,
    /// The job has told the kernel that orphans are not for this process: some may be the spawner's by now,
    /// which cannot tell which job they are of. It ends them with this process.
    elsewhere,
    /// Some could not be ended within a second. The spawner ends everything below this process with it.
    here
  };
  /// After a job: ends what it has left behind. Two system calls where there is nothing. If that leaves a
  /// rest, this process is to end.
  [[nodiscard]] Rest end();

  /// After a job that was told to stop, and all of this process's group with it: returns when none of these
  /// is left that the job has started. How long that may take is the affair of who has told them.
  void await_group();

 private:
  [[nodiscard]] bool end_all();
  /// The children that are not the program's own; nothing if that cannot be told.
  [[nodiscard]] std::optional<std::vector<pid_t>> left();

  std::vector<pid_t> own_;
};

}  // namespace promised::detail
