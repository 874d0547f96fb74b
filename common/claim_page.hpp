// SPDX-License-Identifier: Apache-2.0
// One 64-bit word on the worker page (worker_page.hpp): which of the jobs in its channel the worker has
// begun. It claims each job, in order, before it runs it; the daemon takes back all that is not claimed. Both
// are one atomic step, so that a job is never run and taken back, nobody waits for the other, and after a
// SIGKILL the daemon still knows exactly which jobs had begun.
//
// Sequence numbers are 32 bits and wrap; two that are compared are never 2^31 apart, for each claim brings
// the halves together. What a worker writes here is not to be trusted: the daemon checks it against what it
// has sent.
#pragma once

#include <atomic>
#include <cstdint>

namespace promised {

/// Of two sequence numbers.
[[nodiscard]] constexpr bool comes_before(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b) < 0;
}

struct ClaimPage {
  /// High half: the first sequence number that is not claimed. Low half: what is below it and not claimed is
  /// revoked.
  std::atomic<std::uint64_t> word{0};

  /// Worker: begins job `sequence`; false if the daemon has taken it back.
  [[nodiscard]] bool claim(std::uint32_t sequence) {
    std::uint64_t seen = word.load(std::memory_order_acquire);
    while (!comes_before(sequence, static_cast<std::uint32_t>(seen))) {
      const std::uint64_t mine = pack(sequence + 1, sequence);
      if (word.compare_exchange_weak(seen, mine, std::memory_order_acq_rel)) return true;
    }
    return false;
  }
  /// Worker: hands back the job that it has claimed last, and has not begun after all. It claims no other:
  /// it is to end.
  void hand_back(std::uint32_t sequence) {
    std::uint64_t seen = word.load(std::memory_order_acquire);
    while (!word.compare_exchange_weak(seen, pack(sequence, static_cast<std::uint32_t>(seen)),
                                       std::memory_order_acq_rel)) {
    }
  }
  /// Daemon: takes back every job below `sent` that is not claimed; returns the first of them (`sent` if none
  /// is).
  std::uint32_t revoke(std::uint32_t sent) {
    std::uint64_t seen = word.load(std::memory_order_acquire);
    while (!word.compare_exchange_weak(seen, pack(high(seen), sent), std::memory_order_acq_rel)) {
    }
    return high(seen);
  }
  /// Daemon: the first sequence number that is not claimed.
  [[nodiscard]] std::uint32_t claimed() const { return high(word.load(std::memory_order_acquire)); }

 private:
  static std::uint32_t high(std::uint64_t w) { return static_cast<std::uint32_t>(w >> 32); }
  static std::uint64_t pack(std::uint32_t claimed, std::uint32_t revoked) {
    return std::uint64_t{claimed} << 32 | revoked;
  }
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace promised
