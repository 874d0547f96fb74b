// SPDX-License-Identifier: Apache-2.0
// The changes that wait for their commit. A job whose insert and delete meet here was never on disk and need never be
// (write elision): what happened to it in between is dropped with it.
#pragma once

#include <promised/types.hpp>

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "daemon/flow.hpp"

namespace promised {

class PendingChanges {
 public:
  /// Takes the changes, in order; leaves `changes` empty.
  void add(std::vector<Change>& changes);
  [[nodiscard]] bool empty() const { return changes_.empty(); }
  /// All that is left to write, in order; afterwards this is empty.
  [[nodiscard]] std::vector<Change> take();

 private:
  std::vector<Change> changes_;
  /// The places in changes_ of what was said of a job whose insert is still here, the insert first.
  std::unordered_map<JobId, std::vector<std::size_t>> inserted_here_;
};

}  // namespace promised
