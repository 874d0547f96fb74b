// SPDX-License-Identifier: Apache-2.0
#include "cli/times.hpp"

#include <doctest/doctest.h>

namespace promised::cli {
namespace {

using namespace std::chrono_literals;

TEST_CASE("durations have two or three digits and a unit") {
  CHECK(brief(0us) == "0 us");
  CHECK(brief(999us) == "999 us");
  CHECK(brief(1ms) == "1.0 ms");
  CHECK(brief(9'940us) == "9.9 ms");
  CHECK(brief(9'960us) == "10 ms");
  CHECK(brief(3'200ms) == "3.2 s");
  CHECK(brief(59s) == "59 s");
  CHECK(brief(5min) == "5.0 min");
  CHECK(brief(150min) == "2.5 h");
  CHECK(brief(24h * 12) == "12 d");
  CHECK(brief(-3'200ms) == "-3.2 s");
}

TEST_CASE("moments are told from now") {
  const WallClock now{std::chrono::seconds(1'769'860'800)};
  CHECK(relative(WallClock(), now) == "never");
  CHECK(relative(now - 3'200ms, now) == "3.2 s ago");
  CHECK(relative(now + 5min, now) == "in 5.0 min");
  CHECK(told(now - 3s, now) == "3.0 s ago (2026-01-31 11:59:57Z)");
  CHECK(told(WallClock(), now) == "never");
}

TEST_CASE("moments in JSON are RFC 3339 with microseconds") {
  CHECK(rfc3339(WallClock(1'769'860'800'000'042us)) == "2026-01-31T12:00:00.000042Z");
  CHECK(rfc3339(WallClock(999'999us)) == "1970-01-01T00:00:00.999999Z");
}

TEST_CASE("T2 a moment is read in RFC 3339, or as seconds since 1970") {
  const WallClock noon{std::chrono::seconds(1'769'860'800)};
  CHECK(parse_moment("2026-01-31T12:00:00Z") == noon);
  CHECK(parse_moment("2026-01-31T12:00:00.000042Z") == noon + 42us);
  CHECK(parse_moment("2026-01-31T12:00:00.5Z") == noon + 500ms);
  CHECK(parse_moment("@1769860800") == noon);
  CHECK(parse_moment(rfc3339(noon + 1us)) == noon + 1us);
  CHECK(parse_moment("@0") == WallClock());
  CHECK(parse_moment("2069-12-31T23:59:59.999999Z") == WallClock(std::chrono::seconds(3'155'760'000) - 1us));
  for (const char* bad : {"",
                          "@",
                          "@x",
                          "@-1",
                          "@99999999999",
                          "2026-01-31",
                          "2026-01-31 12:00:00Z",
                          "2026-01-31T12:00:00",
                          "2026-01-31T12:00:00+01:00",
                          "2026-02-30T12:00:00Z",
                          "2026-13-01T12:00:00Z",
                          "2026-01-31T24:00:00Z",
                          "2026-01-31T12:60:00Z",
                          "2026-01-31T12:00:60Z",
                          "2026-01-31T12:00:00.Z",
                          "2026-01-31T12:00:00.1234567Z",
                          "2O26-01-31T12:00:00Z",
                          "1969-12-31T23:59:59Z",
                          "2070-01-01T00:00:00Z",
                          "now"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_moment(bad));
  }
}

TEST_CASE("sizes have two or three digits and a unit") {
  CHECK(brief_size(0) == "0 B");
  CHECK(brief_size(1023) == "1023 B");
  CHECK(brief_size(1536) == "1.5 KiB");
  CHECK(brief_size(std::uint64_t{64} << 20) == "64 MiB");
  CHECK(brief_size(std::uint64_t{5} << 40) == "5.0 TiB");
}

}  // namespace
}  // namespace promised::cli
