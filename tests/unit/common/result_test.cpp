// SPDX-License-Identifier: Apache-2.0
#include "common/result.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace promised::test {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Problem::of("odd", "expected an even number, found " + std::to_string(n));
  return n / 2;
}

Result<void> even(int n) {
  if (n % 2 != 0) return Problem::of("odd", "expected an even number, found " + std::to_string(n));
  return {};
}

Result<std::string> quarter(int n) {
  PROMISED_TRY(even(n));
  PROMISED_ASSIGN(const int once, half(n));
  PROMISED_ASSIGN(const int twice, half(once));
  return std::to_string(twice);
}

TEST_CASE("a result is its value or its problem") {
  CHECK(half(4).ok());
  CHECK(*half(4) == 2);
  const auto odd = half(3);
  CHECK_FALSE(odd);
  CHECK(odd.problem().code == "odd");
  CHECK(odd.problem().message == "expected an even number, found 3");
}

TEST_CASE("a problem leaves through every function that tries") {
  CHECK(*quarter(8) == "2");
  CHECK(quarter(3).problem().message == "expected an even number, found 3");
  CHECK(quarter(6).problem().message == "expected an even number, found 3");
}

TEST_CASE("a value that can only be moved comes out of its result") {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  const std::unique_ptr<int> value = *std::move(result);
  CHECK(*value == 7);
}

TEST_CASE("a problem of the system tells what failed and why") {
  const Problem problem = Problem::system("cannot open /nowhere", ENOENT);
  CHECK(problem.code == "system");
  CHECK(problem.message == "cannot open /nowhere: No such file or directory");
}

}  // namespace
}  // namespace promised::test
