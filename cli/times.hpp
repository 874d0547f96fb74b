// SPDX-License-Identifier: Apache-2.0
// Times and sizes as a glance wants them: two or three digits and a unit.
#pragma once

#include <promised/views.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace promised::cli {

/// Such as "850 us", "3.2 s", "5.0 min", "2.5 h", "12 d".
[[nodiscard]] std::string brief(std::chrono::microseconds duration);
/// Such as "3.2 s ago" or "in 5.0 min"; "never" for a time that is not set.
[[nodiscard]] std::string relative(WallClock time, WallClock now);
/// Such as "3.2 s ago (2026-01-31 12:00:00Z)".
[[nodiscard]] std::string told(WallClock time, WallClock now);
/// RFC 3339, in UTC, with microseconds.
[[nodiscard]] std::string rfc3339(WallClock time);
/// What rfc3339() writes, with or without a fraction of a second; or "@" and seconds since 1970. Nothing for
/// any other text, and for moments before 1970 or after 2069.
[[nodiscard]] std::optional<WallClock> parse_moment(const std::string& text);
/// Such as "512 B", "3.2 KiB", "64 MiB".
[[nodiscard]] std::string brief_size(std::uint64_t bytes);

[[nodiscard]] WallClock wall_now();

}  // namespace promised::cli
