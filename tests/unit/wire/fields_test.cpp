// SPDX-License-Identifier: Apache-2.0
#include "common/wire/fields.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <limits>

namespace promised::test {
namespace {

TEST_CASE("the longest duration can be added to either clock twice without overflow") {
  using Nanos = std::chrono::nanoseconds;
  const Nanos century = wire::kLongestDuration;
  const Nanos wall = std::chrono::system_clock::now().time_since_epoch();
  CHECK(Nanos::max() - wall > century);
  CHECK(Nanos::max() - wall - century > century);
}

TEST_CASE("run times take all that 63 bits of nanoseconds hold") {
  wire::Fields fields("ended");
  const std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK(fields.nanos("ran", most) == std::chrono::nanoseconds::max());
  CHECK(fields.ok());
  CHECK(fields.nanos("ran", most + 1) == std::chrono::nanoseconds(0));
  CHECK_FALSE(fields.ok());
  CHECK(fields.problem().message ==
        "ended.ran: expected at most 9223372036854775807 ns, found 9223372036854775808");
}

}  // namespace
}  // namespace promised::test
