// SPDX-License-Identifier: Apache-2.0
// Which job of a worker is cancelled, on the worker page (worker_page.hpp): one load tells, so
// that a job may ask in a loop (SEMANTICS X1). The daemon marks a job only after it has begun. Behind the
// mark it sends a frame (Resume, `cancelled`), which wakes a job that sleeps.
#pragma once

#include <atomic>
#include <cstdint>

namespace promised {

struct CancelMark {
  /// Its sequence number plus one; 0: none.
  std::atomic<std::uint64_t> word{0};

  /// Daemon.
  void set(std::uint32_t sequence) { word.store(std::uint64_t{sequence} + 1, std::memory_order_relaxed); }
  /// Worker.
  [[nodiscard]] bool is_set(std::uint32_t sequence) const {
    return word.load(std::memory_order_relaxed) == std::uint64_t{sequence} + 1;
  }
  /// Worker, before it begins a job: sequence numbers come again.
  void clear() {
    if (word.load(std::memory_order_relaxed) != 0) word.store(0, std::memory_order_relaxed);
  }
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace promised
