// SPDX-License-Identifier: Apache-2.0
#include "common/units.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <limits>
#include <utility>

namespace promised {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array kDurations{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"min", 60'000}, Unit{"h", 3'600'000},
                                Unit{"d", 86'400'000}};
constexpr std::array kSizes{Unit{"KiB", std::uint64_t{1} << 10}, Unit{"MiB", std::uint64_t{1} << 20},
                            Unit{"GiB", std::uint64_t{1} << 30}, Unit{"TiB", std::uint64_t{1} << 40}};

struct Quantity {
  std::uint64_t number = 0;
  std::string_view unit;
  bool too_large = false;
};

/// Digits, then whatever follows them but for spaces between; the unit is the whole text where there are no
/// digits.
Quantity split(std::string_view text) {
  Quantity q;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), q.number);
  q.too_large = error == std::errc::result_out_of_range;
  q.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (end == text.data()) return q;
  while (!q.unit.empty() && q.unit.front() == ' ') q.unit.remove_prefix(1);
  return q;
}

bool starts_with_digit(std::string_view text) {
  return !text.empty() && text.front() >= '0' && text.front() <= '9';
}

Problem expected(std::string_view what, std::string_view found) {
  return Problem::of("value", "expected " + std::string(what) + ", found '" + std::string(found) + "'");
}

template <class Units>
std::string format(std::uint64_t amount, const Units& units, std::string_view smallest) {
  const Unit* best = nullptr;
  for (const Unit& unit : units) {
    if (amount != 0 && amount % unit.factor == 0) best = &unit;
  }
  if (best == nullptr) return std::to_string(amount) + std::string(smallest);
  return std::to_string(amount / best->factor) + std::string(best->name);
}

}  // namespace

Result<Millis> parse_duration(std::string_view text) {
  constexpr std::string_view kExpected = "a duration such as 500ms, 90s, 5min, 2h or 7d";
  const Quantity q = split(text);
  if (!starts_with_digit(text)) return expected(kExpected, text);
  std::uint64_t factor = q.number == 0 && q.unit.empty() && !q.too_large ? 1 : 0;
  for (const Unit& unit : kDurations) {
    if (unit.name == q.unit) factor = unit.factor;
  }
  if (factor == 0) return expected(kExpected, text);
  constexpr auto kMost = static_cast<std::uint64_t>(kLongestDuration.count());
  if (q.too_large || q.number > kMost / factor) return expected("a duration of at most 36500d", text);
  return Millis(q.number * factor);
}

Result<std::uint64_t> parse_size(std::string_view text) {
  constexpr std::string_view kExpected = "a size such as 4096, 64KiB, 1MiB or 4GiB";
  const Quantity q = split(text);
  if (!starts_with_digit(text)) return expected(kExpected, text);
  std::uint64_t factor = q.unit.empty() ? 1 : 0;
  for (const Unit& unit : kSizes) {
    if (unit.name == q.unit) factor = unit.factor;
  }
  if (factor == 0) return expected(kExpected, text);
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (q.too_large || q.number > kMost / factor) return expected("a size below 8388608TiB", text);
  return q.number * factor;
}

Result<std::int64_t> parse_integer(std::string_view text, std::int64_t least, std::int64_t most) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return expected("a whole number from " + std::to_string(least) + " to " + std::to_string(most), text);
  }
  return number;
}

Result<Rate> parse_rate(std::string_view text) {
  constexpr std::string_view kExpected = "a rate such as 10/s, 100/min, 5000/h, 10/s burst 20, or none";
  constexpr std::string_view kBurst = " burst ";
  constexpr std::int64_t kMost = 1'000'000'000;
  if (text == "none") return Rate();
  const auto burst_at = text.find(kBurst);
  const std::string_view speed = text.substr(0, burst_at);
  const auto slash = speed.find('/');
  if (slash == std::string_view::npos) return expected(kExpected, text);
  const auto jobs = parse_integer(speed.substr(0, slash), 1, kMost);
  const std::string_view unit = speed.substr(slash + 1);
  const auto per = parse_duration(starts_with_digit(unit) ? std::string(unit) : "1" + std::string(unit));
  if (!jobs || !per || *per == Millis(0)) return expected(kExpected, text);
  Rate rate{static_cast<std::uint32_t>(*jobs), *per, 0};
  if (burst_at == std::string_view::npos) return rate;
  const auto burst = parse_integer(text.substr(burst_at + kBurst.size()), 1, kMost);
  if (!burst) return expected(kExpected, text);
  rate.burst = static_cast<std::uint32_t>(*burst);
  return rate;
}

std::string format_rate(const Rate& rate) {
  if (!rate.limits()) return "none";
  std::string per = format_duration(rate.per);
  if (per.starts_with('1') && per.size() > 1 && !starts_with_digit(per.substr(1))) per.erase(0, 1);
  std::string text = std::to_string(rate.jobs) + "/" + per;
  if (rate.burst != 0) text += " burst " + std::to_string(rate.burst);
  return text;
}

std::string format_duration(Millis duration) {
  if (duration.count() < 0) return "-" + format_duration(-duration);
  if (duration.count() == 0) return "0";
  return format(static_cast<std::uint64_t>(duration.count()), kDurations, "ms");
}

std::string format_time(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u %02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

std::string format_size(std::uint64_t bytes) {
  return format(bytes, kSizes, "");
}

}  // namespace promised
