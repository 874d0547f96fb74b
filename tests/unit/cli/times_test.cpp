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

TEST_CASE("sizes have two or three digits and a unit") {
  CHECK(brief_size(0) == "0 B");
  CHECK(brief_size(1023) == "1023 B");
  CHECK(brief_size(1536) == "1.5 KiB");
  CHECK(brief_size(std::uint64_t{64} << 20) == "64 MiB");
  CHECK(brief_size(std::uint64_t{5} << 40) == "5.0 TiB");
}

}  // namespace
}  // namespace promised::cli
