// SPDX-License-Identifier: Apache-2.0
// What a job leaves behind: processes that it has started, or that those have started, and that are there
// when it has ended. They end with it (SEMANTICS I4), wherever they have gone: a process whose parent has
// ended comes to this one, also from another session.
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

namespace promised::detail {

class Leftovers {
 public:
  /// Before the first job. The children that the program has by now are its own, and stay.
  Leftovers();

  /// After a job: ends what it has left behind. One system call where there is nothing. False: some could not
  /// be ended within a second; then only the end of this whole process is left, which the spawner answers by
  /// ending everything below it.
  [[nodiscard]] bool end();

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
