// SPDX-License-Identifier: Apache-2.0
#include "common/crash_report.hpp"

#include "common/printable.hpp"

namespace promised {

std::string CrashReport::backtrace() const {
  const std::size_t size = std::min<std::size_t>(size_.load(std::memory_order_acquire), kRoom);
  // A copy first: who holds the page may still be writing.
  std::string shown = printable(std::string(text_.data(), size), Lines::many);
  while (!shown.empty() && shown.back() == '\n') shown.pop_back();
  return shown;
}

}  // namespace promised
