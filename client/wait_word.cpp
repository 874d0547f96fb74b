// SPDX-License-Identifier: Apache-2.0
#include "client/wait_word.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>

namespace promised::detail {
namespace {

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value, const timespec* deadline) {
  static_assert(sizeof word == sizeof(std::uint32_t));
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, deadline, nullptr,
                 FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void WaitWord::sleep(std::uint32_t seen, Deadline deadline) {
  using std::chrono::duration_cast;
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  // The steady clock of libstdc++ is CLOCK_MONOTONIC, which FUTEX_WAIT_BITSET counts in too. Every outcome
  // (woken, changed, a signal, the deadline) means the same to the caller.
  if (deadline == Deadline::max()) {
    futex(word_, FUTEX_WAIT_BITSET, seen, nullptr);
    return;
  }
  const auto since_start = deadline.time_since_epoch();
  const auto whole = duration_cast<seconds>(since_start);
  const timespec until{whole.count(), duration_cast<nanoseconds>(since_start - whole).count()};
  futex(word_, FUTEX_WAIT_BITSET, seen, &until);
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
