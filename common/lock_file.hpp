// SPDX-License-Identifier: Apache-2.0
// A file that one process at a time holds: how a second daemon notices the first, and can name it.
#pragma once

#include <string>

#include "common/fd.hpp"
#include "common/result.hpp"

namespace promised {

class LockFile {
 public:
  LockFile() = default;
  /// Takes `path`, making it (0600) if need be, and writes the caller's pid into it. Problems: "locked",
  /// whose message is only who holds it ("process 4711"), and "system". It is given up when this goes, and
  /// when the process dies; who inherits the descriptor by fork without exec would keep it, so fork before.
  [[nodiscard]] static Result<LockFile> hold(const std::string& path);

 private:
  explicit LockFile(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace promised
