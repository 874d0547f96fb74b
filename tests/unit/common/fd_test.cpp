// SPDX-License-Identifier: Apache-2.0
#include "common/fd.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <utility>

namespace promised::test {
namespace {

Fd open_null() {
  return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) != -1;
}

TEST_CASE("a descriptor is closed with its owner") {
  int number = -1;
  {
    const Fd fd = open_null();
    REQUIRE(fd.valid());
    number = fd.get();
    CHECK(is_open(number));
  }
  CHECK_FALSE(is_open(number));
}

TEST_CASE("a moved descriptor has one owner, and what the new one had is closed") {
  Fd first = open_null();
  Fd second = open_null();
  const int kept = first.get();
  const int closed = second.get();
  second = std::move(first);
  CHECK_FALSE(first.valid());  // NOLINT(bugprone-use-after-move): it is the subject
  CHECK(second.get() == kept);
  CHECK(is_open(kept));
  CHECK_FALSE(is_open(closed));
  const Fd third(std::move(second));
  CHECK(third.get() == kept);
}

TEST_CASE("a released descriptor stays open") {
  Fd fd = open_null();
  const int number = fd.release();
  CHECK_FALSE(fd.valid());
  CHECK(is_open(number));
  Fd again(number);
  again.reset();
  CHECK_FALSE(is_open(number));
}

}  // namespace
}  // namespace promised::test
