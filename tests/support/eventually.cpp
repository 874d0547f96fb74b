// SPDX-License-Identifier: Apache-2.0
#include "tests/support/eventually.hpp"

#include <algorithm>
#include <thread>

namespace promised::test {

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  auto pause = 1ms;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return condition();
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, 20ms);
  }
  return true;
}

}  // namespace promised::test
