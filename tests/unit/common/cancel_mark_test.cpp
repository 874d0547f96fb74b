// SPDX-License-Identifier: Apache-2.0
#include "common/cancel_mark.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace promised {
namespace {

TEST_CASE("X1 the job that is marked is cancelled, and no other") {
  CancelMark mark;
  for (const std::uint32_t sequence : {0U, 1U, 7U, std::numeric_limits<std::uint32_t>::max()}) {
    CHECK_FALSE(mark.is_set(sequence));
    mark.set(sequence);
    CHECK(mark.is_set(sequence));
    CHECK_FALSE(mark.is_set(sequence + 1));
  }
}

TEST_CASE("X1 a mark is gone before the next job begins, so that a sequence number may come again") {
  CancelMark mark;
  mark.clear();
  mark.set(7);
  mark.clear();
  CHECK_FALSE(mark.is_set(7));
}

}  // namespace
}  // namespace promised
