// SPDX-License-Identifier: Apache-2.0
#include "cli/times.hpp"

#include <array>
#include <cstdio>

#include "common/units.hpp"

namespace promised::cli {
namespace {

struct Step {
  double factor;
  const char* unit;
};

/// One digit after the point below 10, none above: what rounds up to 10 is above.
std::string number(double n) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), n < 9.95 ? "%.1f" : "%.0f", n);
  return text.data();
}

template <std::size_t N>
std::string scaled(double amount, const std::array<Step, N>& steps) {
  const Step* best = &steps.front();
  for (const Step& step : steps) {
    if (amount >= step.factor) best = &step;
  }
  return number(amount / best->factor) + " " + best->unit;
}

}  // namespace

std::string brief(std::chrono::microseconds duration) {
  constexpr std::array kSteps{Step{1e3, "ms"}, Step{1e6, "s"}, Step{60e6, "min"}, Step{3600e6, "h"},
                              Step{86400e6, "d"}};
  if (duration.count() < 0) return "-" + brief(-duration);
  if (duration.count() < 1000) return std::to_string(duration.count()) + " us";
  return scaled(static_cast<double>(duration.count()), kSteps);
}

std::string relative(WallClock time, WallClock now) {
  if (time == WallClock()) return "never";
  return time > now ? "in " + brief(time - now) : brief(now - time) + " ago";
}

std::string told(WallClock time, WallClock now) {
  if (time == WallClock()) return "never";
  return relative(time, now) + " (" + format_time(time) + ")";
}

std::string rfc3339(WallClock time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  std::string text = format_time(time);
  text[10] = 'T';
  text.pop_back();
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%06dZ", static_cast<int>((time - whole).count()));
  return text + fraction.data();
}

std::string brief_size(std::uint64_t bytes) {
  constexpr std::array kSteps{Step{1024, "KiB"}, Step{1024.0 * 1024, "MiB"},
                              Step{1024.0 * 1024 * 1024, "GiB"}, Step{1024.0 * 1024 * 1024 * 1024, "TiB"}};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  return scaled(static_cast<double>(bytes), kSteps);
}

WallClock wall_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace promised::cli
