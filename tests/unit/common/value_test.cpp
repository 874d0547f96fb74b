// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <promised/value.hpp>

namespace promised::test {
namespace {

TEST_CASE("a value knows its kind") {
  const std::pair<Value, std::pair<Value::Kind, std::string_view>> rows[] = {
      {Value(), {Value::Kind::null, "null"}},
      {Value(true), {Value::Kind::boolean, "bool"}},
      {Value(std::int64_t{-1}), {Value::Kind::integer, "integer"}},
      {Value(~std::uint64_t{0}), {Value::Kind::natural, "integer"}},
      {Value(0.5), {Value::Kind::real, "real"}},
      {Value("text"), {Value::Kind::text, "text"}},
      {Value(Bytes{}), {Value::Kind::bytes, "bytes"}},
      {Value(Value::List{}), {Value::Kind::list, "list"}},
      {Value(Value::Map{}), {Value::Kind::map, "map"}},
  };
  for (const auto& [value, expected] : rows) {
    CHECK(value.kind() == expected.first);
    CHECK(to_string(value.kind()) == expected.second);
    CHECK(value.is_null() == (expected.first == Value::Kind::null));
  }
}

TEST_CASE("equal numbers are equal values, signed or not") {
  CHECK(Value(std::uint64_t{5}) == Value(std::int64_t{5}));
  CHECK(Value(std::uint64_t{1} << 63).kind() == Value::Kind::natural);
  CHECK(Value((std::uint64_t{1} << 63) - 1).kind() == Value::Kind::integer);
  CHECK(Value(std::int64_t{1}) != Value(1.0));
  CHECK(Value("a") != Value(Bytes{std::byte{'a'}}));
}

TEST_CASE("the content is there for its own type alone") {
  Value value("text");
  REQUIRE(value.get_if<std::string>() != nullptr);
  CHECK(value.get_if<std::int64_t>() == nullptr);
  *value.get_if<std::string>() += "!";
  CHECK(value == Value("text!"));
}

}  // namespace
}  // namespace promised::test
