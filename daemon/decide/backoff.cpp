// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/backoff.hpp"

#include <algorithm>
#include <cmath>

namespace promised {

Millis pause_after(std::uint32_t failed, const Backoff& backoff, std::uint64_t random) {
  auto pause = backoff.first;
  if (backoff.growth == Growth::exponential) {
    // No further than where the next doubling would be too much: nothing overflows.
    for (std::uint32_t i = 1; i < failed && pause < backoff.most; ++i)
      pause = pause > backoff.most / 2 ? backoff.most : pause * 2;
    pause = std::min(pause, backoff.most);
  }
  // From -1 to 1.
  const double swing = std::ldexp(static_cast<double>(random >> 11), -52) - 1;
  const double swung = static_cast<double>(pause.count()) * (1 + backoff.jitter * swing);
  return Millis(std::llround(swung));
}

bool is_worth_retrying(const Failure& failure) {
  if (failure.permanent) return false;
  switch (failure.cause) {
    case Cause::exception:
    case Cause::memory:
      return true;
    case Cause::timed_out:
      return failure.limit != "deadline";
    default:
      return false;
  }
}

}  // namespace promised
