// SPDX-License-Identifier: Apache-2.0
// S10: how C++ types become values and come back.
#include <doctest/doctest.h>
#include <proto/job.pb.h>

#include <cmath>
#include <limits>
#include <promised/convert.hpp>

namespace promised::test {
namespace {

using Text = std::string;

static_assert(Convertible<int> && Convertible<bool> && Convertible<Text> && Convertible<Value>);
static_assert(!Convertible<void*> && !Convertible<const char*> && !Convertible<std::nullptr_t>);
static_assert(!Convertible<char> && !Convertible<wchar_t> && !Convertible<char32_t>);

struct Unmapped {};
static_assert(!Convertible<Unmapped>);

template <class T>
void check_back(const T& t) {
  CHECK(from_value<T>(to_value(t)) == t);
}

template <class T>
Text mismatch(const Value& value) {
  try {
    (void)from_value<T>(value);
  } catch (const Mismatch& m) {
    return m.what();
  }
  return "no mismatch";
}

template <class T>
void check_limits() {
  check_back(std::numeric_limits<T>::min());
  check_back(std::numeric_limits<T>::max());
  check_back(T{1});
}

TEST_CASE("S10 every supported type comes back as it was") {
  check_back(true);
  check_back(false);
  check_limits<std::int8_t>();
  check_limits<std::uint8_t>();
  check_limits<std::int16_t>();
  check_limits<std::uint16_t>();
  check_limits<std::int32_t>();
  check_limits<std::uint32_t>();
  check_limits<std::int64_t>();
  check_limits<std::uint64_t>();
  check_limits<long long>();
  check_limits<unsigned long long>();
  check_back(0.1);
  check_back(0.1F);
  check_back(std::numeric_limits<float>::max());
  check_back(-std::numeric_limits<double>::infinity());
  check_back(std::numeric_limits<float>::infinity());
  check_back(Text("text"));
  check_back(Text());
  check_back(Bytes{std::byte{1}, std::byte{0}});
  check_back(std::optional<int>(5));
  check_back(std::optional<int>());
  check_back(std::vector<int>{1, 2, 3});
  check_back(std::vector<bool>{true, false});
  check_back(std::vector<std::vector<Text>>{{"a"}, {}, {"b", "c"}});
  check_back(std::map<Text, int>{{"a", 1}, {"b", 2}});
  check_back(std::map<int, std::map<bool, Text>>{{-1, {{true, "x"}}}});
  check_back(std::unordered_map<Text, std::vector<double>>{{"a", {1.5}}});
  check_back(std::tuple<int, Text, std::optional<bool>>{1, "a", {}});
  check_back(std::tuple<>{});
  check_back(std::pair<Text, std::pair<int, int>>{"a", {1, 2}});
  check_back(Value(Value::List{Value(), Value(1.5)}));
}

TEST_CASE("S10 literals and views become text") {
  CHECK(to_value("literal") == Value("literal"));
  CHECK(to_value(std::string_view("view")) == Value("view"));
  const char* pointer = "pointer";
  CHECK(to_value(pointer) == Value("pointer"));
  CHECK(to_value(Text("moved")) == Value("moved"));
}

TEST_CASE("S10 NaN stays NaN") {
  CHECK(std::isnan(from_value<double>(to_value(std::nan("")))));
  CHECK(std::isnan(from_value<float>(to_value(std::nanf("")))));
}

TEST_CASE("S10 protobuf messages travel as bytes") {
  proto::Options options;
  options.set_queue("reports");
  CHECK(to_value(options).kind() == Value::Kind::bytes);
  CHECK(from_value<proto::Options>(to_value(options)).queue() == "reports");
  CHECK(type_name<proto::Options>() == "message promised.proto.Options");
  CHECK(mismatch<proto::Options>(Value(Bytes{std::byte{0xff}})) ==
        "expected message promised.proto.Options, given bytes that are not one");
  CHECK(mismatch<proto::Options>(Value("text")) == "expected message promised.proto.Options, given text");
}

TEST_CASE("S10 a value of another kind is a mismatch, never a guess") {
  const std::pair<Text, Text> rows[] = {
      {mismatch<bool>(Value(std::int64_t{1})), "expected bool, given integer"},
      {mismatch<int>(Value(true)), "expected int32, given bool"},
      {mismatch<int>(Value("5")), "expected int32, given text"},
      {mismatch<int>(Value(5.0)), "expected int32, given real"},
      {mismatch<double>(Value("0.5")), "expected real, given text"},
      {mismatch<Text>(Value(Bytes{})), "expected text, given bytes"},
      {mismatch<Bytes>(Value("text")), "expected bytes, given text"},
      {mismatch<Text>(Value()), "expected text, given null"},
      {mismatch<std::optional<int>>(Value("x")), "expected int32, given text"},
      {mismatch<std::vector<int>>(Value("x")), "expected list of int32, given text"},
      {mismatch<std::map<Text, int>>(Value(Value::List{})), "expected map of text to int32, given list"},
      {mismatch<std::tuple<int, Text>>(Value(Value::Map{})), "expected (int32, text), given map"},
  };
  for (const auto& [said, expected] : rows) CHECK(said == expected);
}

TEST_CASE("S10 a number out of the type's range is a mismatch that names it") {
  CHECK(mismatch<std::int8_t>(Value(std::int64_t{128})) == "expected int8, given 128");
  CHECK(mismatch<std::uint8_t>(Value(std::int64_t{-1})) == "expected uint8, given -1");
  CHECK(mismatch<int>(Value(std::int64_t{1} << 31)) == "expected int32, given 2147483648");
  CHECK(mismatch<std::uint64_t>(Value(std::int64_t{-1})) == "expected uint64, given -1");
  CHECK(mismatch<std::int64_t>(Value(~std::uint64_t{0})) == "expected int64, given 18446744073709551615");
  CHECK(mismatch<float>(Value(-1e39)) == "expected real32, given -1e+39");
}

TEST_CASE("S10 an integer is a real only where the real holds it exactly") {
  CHECK(from_value<double>(Value(std::int64_t{1} << 53)) == 9007199254740992.0);
  CHECK(from_value<double>(Value(std::int64_t{-3})) == -3.0);
  CHECK(mismatch<double>(Value((std::int64_t{1} << 53) + 1)) == "expected real, given 9007199254740993");
  CHECK(from_value<float>(Value(std::int64_t{1} << 24)) == 16777216.0F);
  CHECK(mismatch<float>(Value((std::int64_t{1} << 24) + 1)) == "expected real32, given 16777217");
}

TEST_CASE("S10 a mismatch tells the place, from the outside in") {
  CHECK(mismatch<std::vector<int>>(Value(Value::List{Value(std::int64_t{1}), Value("x")})) ==
        "[1]: expected int32, given text");
  CHECK(mismatch<std::vector<std::vector<int>>>(Value(Value::List{Value(Value::List{Value(true)})})) ==
        "[0][0]: expected int32, given bool");
  CHECK(mismatch<std::map<Text, int>>(Value(Value::Map{{Value("age"), Value("x")}})) ==
        "[\"age\"]: expected int32, given text");
  CHECK(mismatch<std::map<Text, int>>(Value(Value::Map{{Value(1.5), Value("x")}})) ==
        "[key]: expected text, given real");
  CHECK(mismatch<std::tuple<int, Text>>(Value(Value::List{Value(std::int64_t{1}), Value(false)})) ==
        "[1]: expected text, given bool");
  CHECK(mismatch<std::pair<int, int>>(Value(Value::List{Value(std::int64_t{1})})) ==
        "expected (int32, int32), given list of 1");
}

TEST_CASE("S10 a mismatch can be taken apart") {
  const Mismatch inner("[2]", "int32", "text");
  const Mismatch outer = inner.within("argument 1").within("call");
  CHECK(outer.place() == "call.argument 1[2]");
  CHECK(outer.expected() == "int32");
  CHECK(outer.given() == "text");
  CHECK(Text(outer.what()) == "call.argument 1[2]: expected int32, given text");
}

TEST_CASE("S10 types have the names that people read in signatures") {
  CHECK(type_name<bool>() == "bool");
  CHECK(type_name<unsigned char>() == "uint8");
  CHECK(type_name<long>() == "int64");
  CHECK(type_name<double>() == "real");
  CHECK(type_name<float>() == "real32");
  CHECK(type_name<Value>() == "any");
  CHECK(type_name<std::optional<std::vector<Bytes>>>() == "optional list of bytes");
  CHECK(type_name<std::map<Text, std::pair<int, bool>>>() == "map of text to (int32, bool)");
}

}  // namespace
}  // namespace promised::test
