// SPDX-License-Identifier: Apache-2.0
// The processor time that may go into reading debug information. Asked in every loop: it looks at the clock
// only now and then.
#pragma once

#include <time.h>

#include <chrono>

namespace promised::symbols {

class Budget {
 public:
  explicit Budget(std::chrono::nanoseconds allowed) : end_(now() + allowed) {}

  /// From now on true, once it is.
  [[nodiscard]] bool spent() {
    if (!spent_ && --until_look_ == 0) {
      until_look_ = kBetweenLooks;
      spent_ = now() >= end_;
    }
    return spent_;
  }

 private:
  static constexpr int kBetweenLooks = 512;

  static std::chrono::nanoseconds now() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }

  std::chrono::nanoseconds end_;
  int until_look_ = kBetweenLooks;
  bool spent_ = false;
};

}  // namespace promised::symbols
