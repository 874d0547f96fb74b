// SPDX-License-Identifier: Apache-2.0
// Days in UTC as text, such as 2026-01-31: what the recipe for nightly jobs passes on from night to night.
#pragma once

#include <time.h>

#include <array>
#include <chrono>
#include <string>

namespace promised::test {

inline std::chrono::system_clock::time_point midnight_of(const std::string& day) {
  tm broken{};
  ::strptime(day.c_str(), "%Y-%m-%d", &broken);
  return std::chrono::system_clock::from_time_t(::timegm(&broken));
}

inline std::string day_of(std::chrono::system_clock::time_point moment) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(moment);
  tm broken{};
  ::gmtime_r(&seconds, &broken);
  std::array<char, 16> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &broken);
  return text.data();
}

inline std::string day_after(const std::string& day) {
  return day_of(midnight_of(day) + std::chrono::hours(24));
}

}  // namespace promised::test
