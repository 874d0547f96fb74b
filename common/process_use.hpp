// SPDX-License-Identifier: Apache-2.0
// What a process that has ended had used, in the units of this house.
#pragma once

#include <sys/resource.h>
#include <sys/time.h>

#include <chrono>
#include <cstdint>

namespace promised {

struct ProcessUse {
  std::chrono::nanoseconds user{0}, system{0};  ///< time of the processor
  std::uint64_t peak_memory = 0;                ///< bytes that were resident at once
};

/// As wait4(2) and getrusage(2) tell it.
[[nodiscard]] inline ProcessUse use_of(const rusage& usage) {
  const auto duration = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return {duration(usage.ru_utime), duration(usage.ru_stime),
          static_cast<std::uint64_t>(usage.ru_maxrss) * 1024};
}

}  // namespace promised
