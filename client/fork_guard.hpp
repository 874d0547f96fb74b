// SPDX-License-Identifier: Apache-2.0
// Notices that the process is a fork of the one in which a client was made: its threads are not here, and its
// connection belongs to the parent (SEMANTICS S9).
#pragma once

#include <atomic>
#include <string>

namespace promised::detail {

class ForkGuard {
 public:
  ForkGuard();
  /// Whether this is a child of the process that made the guard. Costs a load.
  [[nodiscard]] bool in_child() const { return generation_ != current_.load(std::memory_order_relaxed); }
  /// Throws Error in a child.
  void check() const {
    if (in_child()) refuse();
  }

 private:
  [[noreturn]] void refuse() const;
  static std::atomic<unsigned> current_;
  unsigned generation_;
  int pid_;
};

}  // namespace promised::detail
