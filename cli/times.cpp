// SPDX-License-Identifier: Apache-2.0
#include "cli/times.hpp"

#include <array>
#include <cstdio>
#include <string_view>

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

/// At least one digit and at most ten, and nothing else.
std::optional<std::int64_t> digits(std::string_view text) {
  std::int64_t number = 0;
  if (text.empty() || text.size() > 10) return std::nullopt;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number;
}

/// Seconds with up to six digits behind a point.
std::optional<std::chrono::microseconds> parse_seconds(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const auto whole = digits(text.substr(0, 2));
  if (!whole || *whole > 59) return std::nullopt;
  std::chrono::microseconds sum = std::chrono::seconds(*whole);
  if (text.size() == 2) return sum;
  std::string fraction(text.substr(3));
  if (text[2] != '.' || fraction.size() > 6 || !digits(fraction)) return std::nullopt;
  fraction.resize(6, '0');
  return sum + std::chrono::microseconds(*digits(fraction));
}

/// Such as 2026-01-31T12:00:00Z, which is UTC.
std::optional<WallClock> parse_rfc3339(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || text.back() != 'Z')
    return std::nullopt;
  const auto part = [&](std::size_t at, std::size_t size) { return digits(text.substr(at, size)); };
  const auto year = part(0, 4), month = part(5, 2), day = part(8, 2), hour = part(11, 2),
             minute = part(14, 2);
  const auto second = parse_seconds(text.substr(17, text.size() - 18));
  if (!year || !month || !day || !hour || !minute || !second || *hour > 23 || *minute > 59)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) + *second;
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

std::optional<WallClock> parse_moment(const std::string& text) {
  std::optional<WallClock> moment;
  if (text.starts_with('@')) {
    if (const auto seconds = digits(std::string_view(text).substr(1)))
      moment = WallClock(std::chrono::seconds(*seconds));
  } else {
    moment = parse_rfc3339(text);
  }
  constexpr WallClock kFirst{}, kEnd{std::chrono::sys_days(std::chrono::year(2070) / 1 / 1)};
  if (moment && (*moment < kFirst || *moment >= kEnd)) return std::nullopt;
  return moment;
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
