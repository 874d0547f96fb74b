// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/resident_size.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <vector>

using namespace promised;

TEST_CASE("I2 how much memory a process has resident is told in bytes") {
  const auto before = resident_size(::getpid());
  REQUIRE(before.ok());
  REQUIRE(before->has_value());
  CHECK(**before > 1 << 20);
  const std::vector<char> much(std::size_t{64} << 20, 'x');
  const auto after = resident_size(::getpid());
  REQUIRE(after.ok());
  CHECK(**after >= **before + much.size() / 2);
}

TEST_CASE("I2 a process that is gone has no size, and that is no error") {
  const auto gone = resident_size(0x7ffffffe);
  REQUIRE(gone.ok());
  CHECK_FALSE(gone->has_value());
}
