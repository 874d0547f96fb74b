// SPDX-License-Identifier: Apache-2.0
// What a daemon whose store has failed leaves for the one after it: a small file in the state directory with
// when that was and why. The disk may be what has failed, so it is left as well as it can be, and what is
// read may be torn. Used by whoever holds the state directory.
#pragma once

#include <optional>
#include <string>

#include "common/result.hpp"
#include "daemon/flow.hpp"

namespace promised {

class FailureNote {
 public:
  explicit FailureNote(const std::string& state_dir) : path_(state_dir + "/store-failed") {}

  /// Writes and syncs it, in place of an earlier one.
  [[nodiscard]] Result<void> leave(const StoreFailure& failure) const;
  /// Nothing: none was left. Problem: one is there that cannot be read.
  [[nodiscard]] Result<std::optional<StoreFailure>> find() const;
  /// It is well if there is none.
  [[nodiscard]] Result<void> remove() const;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace promised
