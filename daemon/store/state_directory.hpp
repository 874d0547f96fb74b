// SPDX-License-Identifier: Apache-2.0
// The directory in which a daemon keeps its state: made if need be, the daemon's own and nobody else's to
// read, and held by one process at a time (SEMANTICS E4).
#pragma once

#include <string>

#include "common/fd.hpp"
#include "common/lock_file.hpp"
#include "common/result.hpp"

namespace promised {

class StateDirectory {
 public:
  /// Problems: "locked" (another process holds it; its pid is in the message), "system" (it cannot be made or
  /// written, or belongs to somebody else). The lock is given up when this goes, and when the process dies:
  /// whoever inherits the descriptor by fork without exec would keep it, so fork before.
  [[nodiscard]] static Result<StateDirectory> hold(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Makes what was created, renamed and removed in the directory durable.
  [[nodiscard]] Result<void> sync() const;

 private:
  StateDirectory(std::string path, Fd directory, LockFile lock)
      : path_(std::move(path)), directory_(std::move(directory)), lock_(std::move(lock)) {}

  std::string path_;
  Fd directory_;
  LockFile lock_;
};

/// Makes what was created, renamed and removed in a directory durable.
[[nodiscard]] Result<void> sync_directory(const std::string& path);

}  // namespace promised
