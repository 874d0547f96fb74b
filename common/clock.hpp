// SPDX-License-Identifier: Apache-2.0
// The two clocks, read together once per turn of the loop: waits and deadlines use the monotonic one,
// lifespans and the times that people see use the wall clock (SEMANTICS T4).
#pragma once

#include <chrono>
#include <cstdint>

namespace promised {

using Nanos = std::chrono::nanoseconds;
using Millis = std::chrono::milliseconds;

/// A moment of the monotonic clock, since an arbitrary start.
using Instant = std::chrono::steady_clock::time_point;

/// Microseconds since 1970, UTC.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

struct Now {
  Instant steady;
  WallTime wall;

  [[nodiscard]] static Now read() {
    return {std::chrono::steady_clock::now(),
            std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now())};
  }
};

}  // namespace promised
