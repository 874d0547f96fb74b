// SPDX-License-Identifier: Apache-2.0
#include "common/wire/value_codec.hpp"

#include <doctest/doctest.h>
#include <proto/job.pb.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "tests/unit/wire/samples.hpp"

namespace promised::test {
namespace {

std::string value_bytes(const Value& value) {
  auto bytes = wire::encode(value);
  REQUIRE(bytes.ok());
  return std::move(*bytes);
}

// Lists within lists as bytes, however deep.
std::string deep_bytes(int depth) {
  std::string bytes;
  for (int i = 0; i < depth; ++i) {
    proto::Value value;
    value.mutable_list()->add_items();
    std::string item = "\x0a";
    for (std::size_t n = bytes.size(); true; n >>= 7) {
      item.push_back(static_cast<char>((n & 0x7f) | (n > 0x7f ? 0x80 : 0)));
      if (n <= 0x7f) break;
    }
    item += bytes;
    std::string list = "\x3a";
    for (std::size_t n = item.size(); true; n >>= 7) {
      list.push_back(static_cast<char>((n & 0x7f) | (n > 0x7f ? 0x80 : 0)));
      if (n <= 0x7f) break;
    }
    bytes = list + item;
  }
  return bytes;
}

TEST_CASE("S10 a value of every kind comes back as it was") {
  for (const Value& value : values()) {
    const auto back = wire::decode_value(value_bytes(value));
    REQUIRE(back.ok());
    CHECK(*back == value);
    CHECK(back->kind() == value.kind());
  }
}

TEST_CASE("S10 a double keeps every bit, also of NaN and of the negative zero") {
  for (const double d : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::quiet_NaN(),
                         std::nan("77"), -0.0, 0.0, 5e-324, 0.1, std::numeric_limits<double>::infinity()}) {
    const auto back = wire::decode_value(value_bytes(Value(d)));
    REQUIRE(back.ok());
    REQUIRE(back->get_if<double>() != nullptr);
    CHECK(std::memcmp(back->get_if<double>(), &d, sizeof d) == 0);
  }
}

TEST_CASE("S10 arguments come back by position and by name, in order, with repeated names") {
  for (const Arguments& arguments : {Arguments{}, full_arguments(), Arguments{{}, {{"only", Value(1.0)}}}}) {
    auto bytes = wire::encode(arguments);
    REQUIRE(bytes.ok());
    const auto back = wire::decode_arguments(*bytes);
    REQUIRE(back.ok());
    CHECK(*back == arguments);
  }
}

TEST_CASE("a natural number that fits in an integer is one, whoever sent it") {
  proto::Value value;
  value.set_natural(5);
  const auto back = wire::decode_value(value.SerializeAsString());
  REQUIRE(back.ok());
  CHECK(*back == Value(std::int64_t{5}));
}

TEST_CASE("values nest up to the limit and not one deeper, in lists, keys and items") {
  for (const Nesting nesting : {Nesting::lists, Nesting::map_keys, Nesting::map_items}) {
    const Value deepest = nested(kMaxValueDepth, nesting);
    const auto back = wire::decode_value(value_bytes(deepest));
    REQUIRE(back.ok());
    CHECK(*back == deepest);

    const Value too_deep = nested(kMaxValueDepth + 1, nesting);
    const auto refused = wire::encode(too_deep);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.problem().code == "too_deep");
    CHECK(refused.problem().message == "the value is nested deeper than 64 lists and maps");

    Arguments arguments{{deepest}, {{"named", deepest}}};
    const auto bytes = wire::encode(arguments);
    REQUIRE(bytes.ok());
    const auto again = wire::decode_arguments(*bytes);
    REQUIRE(again.ok());
    CHECK(*again == arguments);
    CHECK_FALSE(wire::encode(Arguments{{too_deep}, {}}).ok());
    CHECK_FALSE(wire::encode(Arguments{{}, {{"named", too_deep}}}).ok());
  }
}

TEST_CASE("E1 bytes that nest too deep are a problem and no stack overflow") {
  REQUIRE(wire::decode_value(deep_bytes(kMaxValueDepth)).ok());
  const auto refused = wire::decode_value(deep_bytes(kMaxValueDepth + 1));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.problem().code == "too_deep");
  const auto garbage = wire::decode_value(deep_bytes(10'000));
  REQUIRE_FALSE(garbage.ok());
  CHECK(garbage.problem().code == "garbage");
  CHECK(garbage.problem().message.find("expected a value nested at most 64 deep, found ") == 0);
}

TEST_CASE("a value of a kind from a later version is refused instead of read as null") {
  const std::string later = "\x4a\x01x";  // field 9
  const auto refused = wire::decode_value(later);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.problem().code == "garbage");
  CHECK(refused.problem().message == "a value is of a kind that this version does not know");
}

TEST_CASE("E1 bytes that are no value are garbage") {
  const auto value = wire::decode_value("\xff\xff");
  REQUIRE_FALSE(value.ok());
  CHECK(value.problem().code == "garbage");
  CHECK(value.problem().message == "expected a value nested at most 64 deep, found 2 bytes that are none");
  const auto arguments = wire::decode_arguments("\xff");
  REQUIRE_FALSE(arguments.ok());
  CHECK(arguments.problem().message ==
        "expected arguments nested at most 64 deep, found 1 bytes that are none");
}

TEST_CASE("the name of an argument must be UTF-8") {
  proto::Arguments arguments;
  arguments.add_named()->set_name("caf\xe9");
  const auto refused = wire::decode_arguments(arguments.SerializeAsString());
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.problem().code == "bad_request");
  CHECK(refused.problem().message == "arguments.name: expected UTF-8, found byte 233 at offset 3");
}

TEST_CASE("no bytes are null, and no arguments") {
  CHECK(value_bytes(Value()).empty());
  CHECK(wire::decode_value("")->is_null());
  CHECK(*wire::decode_arguments("") == Arguments{});
}

}  // namespace
}  // namespace promised::test
