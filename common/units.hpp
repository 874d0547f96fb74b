// SPDX-License-Identifier: Apache-2.0
// Durations and sizes as people write and read them, in the configuration and on the command line.
#pragma once

#include <promised/views.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "common/clock.hpp"
#include "common/result.hpp"

namespace promised {

/// The longest duration that parse_duration takes: a hundred years, so that no clock arithmetic overflows.
inline constexpr Millis kLongestDuration = std::chrono::hours(24 * 36500);

/// A whole number and a unit: `500ms`, `90s`, `5min`, `2h`, `7d`; zero needs no unit.
[[nodiscard]] Result<Millis> parse_duration(std::string_view text);

/// Bytes: a whole number alone or with `KiB`, `MiB`, `GiB` or `TiB`.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);

/// A whole number in decimal digits, with a minus sign if `least` is negative, from `least` to `most`.
[[nodiscard]] Result<std::int64_t> parse_integer(std::string_view text, std::int64_t least,
                                                 std::int64_t most);

/// Jobs in a time: `10/s`, `100/min`, `3/500ms`; after a rest as many at once, or `10/s burst 20`. `none`:
/// any number.
[[nodiscard]] Result<Rate> parse_rate(std::string_view text);
/// parse_rate reads it back.
[[nodiscard]] std::string format_rate(const Rate& rate);

/// The largest unit that needs no fraction, such as `90s` or `2h`: parse_duration reads it back.
[[nodiscard]] std::string format_duration(Millis duration);

/// Date and time of day in UTC, to the second: `2026-01-31 12:00:00Z`.
[[nodiscard]] std::string format_time(WallTime time);

/// The largest unit that needs no fraction, such as `64MiB` or `1500`: parse_size reads it back.
[[nodiscard]] std::string format_size(std::uint64_t bytes);

}  // namespace promised
