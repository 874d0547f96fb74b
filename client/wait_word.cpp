// SPDX-License-Identifier: Apache-2.0
#include "client/wait_word.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

namespace promised::detail {
namespace {

/// A duration or a moment since the clock's start as the kernel wants it.
timespec kernel_time(std::chrono::nanoseconds time) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(time);
  return {whole.count(), (time - whole).count()};
}

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value, const timespec* deadline) {
  static_assert(sizeof word == sizeof(std::uint32_t));
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, deadline, nullptr,
                 FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void WaitWord::sleep(std::uint32_t seen, Deadline deadline) {
  // The steady clock of libstdc++ is CLOCK_MONOTONIC, which FUTEX_WAIT_BITSET counts in too. Every outcome
  // (woken, changed, a signal, the deadline) means the same to the caller.
  if (deadline == Deadline::max()) {
    futex(word_, FUTEX_WAIT_BITSET, seen, nullptr);
    return;
  }
  const timespec until = kernel_time(deadline.time_since_epoch());
  futex(word_, FUTEX_WAIT_BITSET, seen, &until);
}

void poll_until(pollfd* fds, std::size_t count, WaitWord::Deadline deadline) {
  if (deadline == WaitWord::Deadline::max()) {
    static_cast<void>(ppoll(fds, count, nullptr, nullptr));
    return;
  }
  const auto left =
      std::max(deadline - std::chrono::steady_clock::now(), WaitWord::Deadline::duration::zero());
  const timespec wait = kernel_time(left);
  static_cast<void>(ppoll(fds, count, &wait, nullptr));
}

void WaitWord::wake() {
  futex(word_, FUTEX_WAKE_BITSET, INT_MAX, nullptr);
}

WaitWord::Deadline deadline_after(std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds kCentury{std::chrono::hours(24 * 36525)};
  if (timeout >= kCentury) return WaitWord::Deadline::max();
  return std::chrono::steady_clock::now() + timeout;
}

}  // namespace promised::detail
