// SPDX-License-Identifier: Apache-2.0
#include "cli/value_json.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace promised::cli {
namespace {

Value list(Value::List items) {
  return Value(std::move(items));
}
Value map(Value::Map entries) {
  return Value(std::move(entries));
}
Bytes bytes(const std::string& text) {
  Bytes out;
  for (const char c : text) out.push_back(static_cast<std::byte>(c));
  return out;
}
std::string shown(const Value& value) {
  return to_json(value).dump();
}
std::string json_refusal(const std::string& json) {
  try {
    (void)from_json(json);
    return "accepted";
  } catch (const BadJson& e) {
    return e.what();
  }
}

TEST_CASE("M5 values are shown as the JSON that they are") {
  CHECK(shown(Value()) == "null");
  CHECK(shown(Value(true)) == "true");
  CHECK(shown(Value(std::int64_t{-42})) == "-42");
  CHECK(shown(Value(1.5)) == "1.5");
  CHECK(shown(Value(2.0)) == "2.0");
  CHECK(shown(Value("Grüße\n\"")) == "\"Grüße\\n\\\"\"");
  CHECK(shown(list({Value(std::int64_t{1}), Value("a"), list({})})) == "[1,\"a\",[]]");
  CHECK(shown(map({{Value("z"), Value(true)}, {Value("a"), Value()}})) == "{\"z\":true,\"a\":null}");
}

TEST_CASE("64-bit integers stay exact") {
  CHECK(shown(Value(std::numeric_limits<std::int64_t>::min())) == "-9223372036854775808");
  CHECK(shown(Value(std::numeric_limits<std::int64_t>::max())) == "9223372036854775807");
  CHECK(shown(Value(std::numeric_limits<std::uint64_t>::max())) == "18446744073709551615");
  CHECK(from_json("-9223372036854775808") == Value(std::numeric_limits<std::int64_t>::min()));
  CHECK(from_json("18446744073709551615") == Value(std::numeric_limits<std::uint64_t>::max()));
  CHECK(from_json("9007199254740993") == Value(std::int64_t{9007199254740993}));
}

TEST_CASE("what JSON cannot say is an object with a $ key") {
  CHECK(shown(Value(std::nan(""))) == "{\"$real\":\"nan\"}");
  CHECK(shown(Value(HUGE_VAL)) == "{\"$real\":\"inf\"}");
  CHECK(shown(Value(-HUGE_VAL)) == "{\"$real\":\"-inf\"}");
  CHECK(shown(Value(bytes(std::string("\0\xff", 2)))) == "{\"$bytes\":\"AP8=\"}");
  CHECK(shown(Value(Bytes())) == "{\"$bytes\":\"\"}");
  CHECK(shown(Value("a\xff")) == "{\"$text\":\"Yf8=\"}");
  CHECK(shown(map({{Value(std::int64_t{1}), Value("one")}})) == "{\"$map\":[[1,\"one\"]]}");
  CHECK(shown(map({{Value("$bytes"), Value("x")}})) == "{\"$map\":[[\"$bytes\",\"x\"]]}");
  CHECK(shown(map({{Value("a"), Value()}, {Value("a"), Value(true)}})) ==
        "{\"$map\":[[\"a\",null],[\"a\",true]]}");
  CHECK(shown(map({{Value("\xff"), Value()}})) == "{\"$map\":[[{\"$text\":\"/w==\"},null]]}");
}

TEST_CASE("every value comes back as it was") {
  const Value::List values{Value(),
                           Value(false),
                           Value(std::int64_t{0}),
                           Value(std::numeric_limits<std::uint64_t>::max()),
                           Value(0.1),
                           Value(-0.0),
                           Value(1e300),
                           Value(5e-324),
                           Value(3.0),
                           Value(HUGE_VAL),
                           Value(""),
                           Value(std::string("a\0b", 3)),
                           Value("\xff\xfe"),
                           Value(bytes("bytes")),
                           list({list({list({})})}),
                           map({}),
                           map({{Value("a"), map({{Value("b"), Value(1.5)}})}}),
                           map({{list({}), Value(bytes(""))}}),
                           map({{Value("$map"), Value()}})};
  for (const Value& value : values) {
    CAPTURE(shown(value));
    CHECK(from_json(shown(value)) == value);
  }
  CHECK(std::isnan(*from_json("{\"$real\":\"nan\"}").get_if<double>()));
  CHECK(std::signbit(*from_json("-0.0").get_if<double>()));
}

TEST_CASE("JSON that is no value is refused with the reason") {
  CHECK(json_refusal("18446744073709551616") ==
        "the integer 18446744073709551616 does not fit into 64 bits; give it as text or as a real "
        "(18446744073709551616.0)");
  CHECK(json_refusal("[-9223372036854775809]").find("does not fit into 64 bits") != std::string::npos);
  CHECK(json_refusal("1e999") == "the number 1e999 does not fit into a real, which goes to about 1.8e308");
  CHECK(json_refusal("[1,-1e999]") ==
        "the number -1e999 does not fit into a real, which goes to about 1.8e308");
  CHECK(json_refusal("nonsense") == "expected JSON, found something else at byte 2");
  CHECK(json_refusal("{\"a\":1,\"a\":2}") == "the key \"a\" is given twice");
  CHECK(json_refusal("{\"$bytes\":\"AP8=\",\"b\":1}") == "the key \"$bytes\" must stand alone in its object");
  for (const char* json : {"{\"$bytes\":\"?\"}", "{\"$bytes\":1}", "{\"$text\":null}", "{\"$real\":\"x\"}",
                           "{\"$real\":1}", "{\"$map\":{}}", "{\"$x\":1}"}) {
    CAPTURE(json);
    CHECK(
        json_refusal(json).find(
            "means nothing; known are $bytes and $text (base64), $real (nan, inf, -inf) and $map (pairs)") !=
        std::string::npos);
  }
  CHECK(json_refusal("{\"$map\":[[1]]}") == "\"$map\" expects a list of [key, value] pairs");
  CHECK(json_refusal("[1,") == "expected JSON, found something else at byte 4");
}

TEST_CASE("values nest as deep as the wire allows and no deeper") {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  CHECK(shown(from_json(nested(kMaxValueDepth))) == nested(kMaxValueDepth));
  CHECK(json_refusal(nested(kMaxValueDepth + 1)) == "lists and maps nest deeper than 64");
  CHECK(json_refusal(nested(1'000'000)) == "lists and maps nest deeper than 64");
}

TEST_CASE("JSON has nothing in it that a terminal would obey, and means the same") {
  const std::string text =
      "a\x1b[2J\x7f\xc2\x9b"
      "2J\xe2\x80\xae\n\xc3\xa4\xf0\x9f\x98\x80";
  const nlohmann::ordered_json document = {{"text", text}};
  const std::string line = json_text(document);
  CHECK(line == "{\"text\":\"a\\u001b[2J\\u007f\\u009b2J\\u202e\\n\xc3\xa4\xf0\x9f\x98\x80\"}");
  CHECK(nlohmann::ordered_json::parse(line) == document);
  CHECK(nlohmann::ordered_json::parse(json_text(document, 2)) == document);
  CHECK(json_text({{"a", 1}}, 2) == "{\n  \"a\": 1\n}");
}

TEST_CASE("what is JSON is told from what is not") {
  for (const char* text : {"42", " 42 ", "-1.5e3", "true", "null", "\"x\"", "[]", "{}", "1e999"})
    CHECK(is_json(text));
  for (const char* text :
       {"", "abc", "01", "+1", ".5", "1.", "nan", "True", "'x'", "[1,]", "{a:1}", "\"\xff\"", "1 2"}) {
    CAPTURE(text);
    CHECK_FALSE(is_json(text));
  }
}

}  // namespace
}  // namespace promised::cli
