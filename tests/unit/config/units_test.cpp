// SPDX-License-Identifier: Apache-2.0
#include "common/units.hpp"

#include <doctest/doctest.h>

namespace promised {
namespace {

using namespace std::chrono_literals;

std::string refusal(const auto& result) {
  REQUIRE_FALSE(result.ok());
  return result.problem().message;
}

TEST_CASE("durations are a whole number and a unit") {
  CHECK(*parse_duration("500ms") == 500ms);
  CHECK(*parse_duration("90s") == 90s);
  CHECK(*parse_duration("5min") == 5min);
  CHECK(*parse_duration("2h") == 2h);
  CHECK(*parse_duration("7d") == 24h * 7);
  CHECK(*parse_duration("5 min") == 5min);
  CHECK(*parse_duration("0") == 0ms);
  CHECK(*parse_duration("36500d") == kLongestDuration);
}

TEST_CASE("Q2 a rate is a number of jobs and a time, and what may begin at once after a rest") {
  CHECK(*parse_rate("10/s") == Rate{10, 1s, 0});
  CHECK(*parse_rate("100/min") == Rate{100, 1min, 0});
  CHECK(*parse_rate("5000/h") == Rate{5000, 1h, 0});
  CHECK(*parse_rate("3/500ms") == Rate{3, 500ms, 0});
  CHECK(*parse_rate("10/s burst 20") == Rate{10, 1s, 20});
  CHECK(*parse_rate("none") == Rate());
  for (const char* text :
       {"10/s", "100/min", "5000/h", "3/500ms", "10/s burst 20", "1/ms", "7/15min", "none"}) {
    CAPTURE(text);
    CHECK(format_rate(*parse_rate(text)) == text);
  }
}

TEST_CASE("Q2 what is no rate is refused with examples") {
  for (const char* text : {"", "10", "/s", "0/s", "-1/s", "10/", "10/0s", "10/parsec", "10/s burst",
                           "10/s burst 0", "10/s burst x", "10/s, 20", "1.5/s", "99999999999/s", "10/s "}) {
    CAPTURE(text);
    CHECK(refusal(parse_rate(text)) ==
          "expected a rate such as 10/s, 100/min, 5000/h, 10/s burst 20, or none, found '" +
              std::string(text) + "'");
  }
}

TEST_CASE("what is no duration is refused with examples") {
  for (const char* text :
       {"", "5", "s", "5m", "5 mins", "-5s", "+5s", "1.5h", "5s ", " 5s", "ms", "5S", "1h30min"}) {
    CAPTURE(text);
    CHECK(refusal(parse_duration(text)) ==
          "expected a duration such as 500ms, 90s, 5min, 2h or 7d, found '" + std::string(text) + "'");
  }
  for (const char* text : {"36501d", "99999999999999999999ms", "18446744073709551615d"}) {
    CAPTURE(text);
    CHECK(refusal(parse_duration(text)) ==
          "expected a duration of at most 36500d, found '" + std::string(text) + "'");
  }
}

TEST_CASE("sizes are bytes or a whole number and a binary unit") {
  CHECK(*parse_size("0") == 0);
  CHECK(*parse_size("4096") == 4096);
  CHECK(*parse_size("64KiB") == 65536);
  CHECK(*parse_size("1MiB") == 1 << 20);
  CHECK(*parse_size("4GiB") == std::uint64_t{4} << 30);
  CHECK(*parse_size("1 TiB") == std::uint64_t{1} << 40);
  CHECK(*parse_size("9223372036854775807") == 9223372036854775807U);
}

TEST_CASE("what is no size is refused with examples") {
  for (const char* text : {"", "KiB", "1KB", "1k", "-1", "1.5MiB", "0x10", "1mib"}) {
    CAPTURE(text);
    CHECK(refusal(parse_size(text)) ==
          "expected a size such as 4096, 64KiB, 1MiB or 4GiB, found '" + std::string(text) + "'");
  }
  for (const char* text : {"9223372036854775808", "8388608TiB", "99999999999999999999GiB"}) {
    CAPTURE(text);
    CHECK(refusal(parse_size(text)) == "expected a size below 8388608TiB, found '" + std::string(text) + "'");
  }
}

TEST_CASE("whole numbers have nothing around them and stay in their range") {
  CHECK(*parse_integer("-100", -100, 100) == -100);
  CHECK(*parse_integer("100", -100, 100) == 100);
  for (const char* text : {"", "101", "-101", "1 ", " 1", "+1", "1.0", "0x1", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK(refusal(parse_integer(text, -100, 100)) ==
          "expected a whole number from -100 to 100, found '" + std::string(text) + "'");
  }
}

TEST_CASE("what is printed can be read back") {
  for (const Millis d :
       {0ms, 1ms, 1500ms, Millis(90s), Millis(1h), Millis(90min), Millis(24h), kLongestDuration}) {
    CAPTURE(d.count());
    CHECK(*parse_duration(format_duration(d)) == d);
  }
  CHECK(format_duration(Millis(90min)) == "90min");
  CHECK(format_duration(Millis(48h)) == "2d");
  CHECK(format_duration(Millis(-5s)) == "-5s");
  for (const std::uint64_t n :
       {std::uint64_t{0}, std::uint64_t{1023}, std::uint64_t{1024}, std::uint64_t{1} << 40}) {
    CHECK(*parse_size(format_size(n)) == n);
  }
  CHECK(format_size(std::uint64_t{64} << 20) == "64MiB");
}

TEST_CASE("moments are told in UTC, to the second") {
  CHECK(format_time(WallTime()) == "1970-01-01 00:00:00Z");
  CHECK(format_time(WallTime(std::chrono::microseconds(1'800'000'000'999'999))) == "2027-01-15 08:00:00Z");
}

}  // namespace
}  // namespace promised
