// SPDX-License-Identifier: Apache-2.0
// A word that threads sleep on (futex(2)): flags in its low byte, and above it a count of pokes, so that a
// sleeper who looked just before a poke does not miss it. Each waiting thread sleeps on the word of what it
// waits for: nobody else is woken.
#pragma once

#include <poll.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace promised::detail {

class WaitWord {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  [[nodiscard]] std::uint32_t load() const { return word_.load(std::memory_order_acquire); }
  /// Sets `flags`; returns what was there before. What was written before is seen by who sees the flags.
  std::uint32_t set(std::uint32_t flags) { return word_.fetch_or(flags, std::memory_order_acq_rel); }
  /// Makes every sleeper look again.
  void poke() {
    word_.fetch_add(kPoke, std::memory_order_acq_rel);
    wake();
  }
  /// Sleeps until somebody wakes it, at most until `deadline`, unless the word is not `seen` any more. May
  /// return for no reason: look again.
  void sleep(std::uint32_t seen, Deadline deadline);
  /// Wakes all sleepers.
  void wake();

 private:
  static constexpr std::uint32_t kPoke = 1U << 8;
  std::atomic<std::uint32_t> word_{0};
};

/// poll(2) until `deadline`. Woken, over, or interrupted by a signal: the caller looks at everything anyway.
void poll_until(pollfd* fds, std::size_t count, WaitWord::Deadline deadline);

/// `timeout` from now; the end of time for kForever and what comes near.
[[nodiscard]] WaitWord::Deadline deadline_after(std::chrono::milliseconds timeout);

}  // namespace promised::detail
