// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/values.hpp"

#include <doctest/doctest.h>

namespace promised::config {
namespace {

using Words = std::vector<std::string>;

TEST_CASE("words are split as a shell splits them") {
  CHECK(*split_words("") == Words{});
  CHECK(*split_words("  a\tb  ") == Words{"a", "b"});
  CHECK(*split_words("a'b c'd") == Words{"ab cd"});
  CHECK(*split_words("'a\\b' \"a\\b\" \"\\\"\" \"\\\\\"") == Words{"a\\b", "a\\b", "\"", "\\"});
  CHECK(*split_words("\\'a\\ b") == Words{"'a b"});
  CHECK(*split_words("'' \"\"") == Words{"", ""});
  CHECK(*split_words("$HOME *") == Words{"$HOME", "*"});
}

TEST_CASE("an open quote or a lone backslash is refused") {
  CHECK(split_words("a \"b").problem().message == "the quote \" is not closed");
  CHECK(split_words("a 'b").problem().message == "the quote ' is not closed");
  CHECK(split_words("a\\").problem().message == "a backslash stands at the end, with nothing to protect");
}

TEST_CASE("lists have commas or spaces between") {
  CHECK(parse_list("") == Words{});
  CHECK(parse_list(" a,b , c  d,, ") == Words{"a", "b", "c", "d"});
}

TEST_CASE("yes and no have their usual spellings") {
  for (const char* text : {"yes", "true", "on", "1"}) CHECK(*parse_bool(text));
  for (const char* text : {"no", "false", "off", "0"}) CHECK_FALSE(*parse_bool(text));
  CHECK_FALSE(parse_bool("").ok());
}

}  // namespace
}  // namespace promised::config
