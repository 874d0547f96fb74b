// SPDX-License-Identifier: Apache-2.0
// What a check has found so far: the report to be, and when to give up.
#pragma once

#include <promised/views.hpp>

#include <atomic>
#include <string>
#include <string_view>

#include "common/printable.hpp"

namespace promised {

class Findings {
 public:
  /// Both must outlive this; `stop` may be set by another thread.
  Findings(StoreReport& report, const std::atomic<bool>& stop) : report_(report), stop_(stop) {}

  /// Counts a damage; the first 20 are told, in a sentence of bounded length each.
  void add(std::string_view sentence) {
    constexpr std::size_t kMostTold = 20;
    constexpr std::size_t kMostBytes = 1024;
    if (++report_.damages > kMostTold) return;
    report_.damage.emplace_back(beginning_of(printable(sentence), kMostBytes));
  }
  [[nodiscard]] StoreReport& report() { return report_; }
  [[nodiscard]] bool stopped() const { return stop_.load(); }

 private:
  StoreReport& report_;
  const std::atomic<bool>& stop_;
};

}  // namespace promised
