// SPDX-License-Identifier: Apache-2.0
#include "common/glob.hpp"

#include <doctest/doctest.h>

#include <string>

using promised::glob_matches;

TEST_CASE("a star stands for any text, a question mark for one character, all else for itself") {
  CHECK(glob_matches("", ""));
  CHECK(glob_matches("*", ""));
  CHECK(glob_matches("report.*", "report.build"));
  CHECK(glob_matches("*.build", "report.build"));
  CHECK(glob_matches("r*t.b*d", "report.build"));
  CHECK(glob_matches("a*a*a", "aaa"));
  CHECK(glob_matches("report.?uild", "report.build"));
  CHECK(glob_matches("gr?n", "gr\xc3\xbcn"));
  CHECK(glob_matches("[a]", "[a]"));
  CHECK_FALSE(glob_matches("", "a"));
  CHECK_FALSE(glob_matches("?", ""));
  CHECK_FALSE(glob_matches("report", "report.build"));
  CHECK_FALSE(glob_matches("report.*", "report"));
  CHECK_FALSE(glob_matches("a*a*a", "aa"));
  CHECK_FALSE(glob_matches("[ab]", "a"));
}

TEST_CASE("a pattern of many stars is no more work than its length times the text's") {
  std::string pattern;
  for (int i = 0; i < 120; ++i) pattern += "*a";
  CHECK_FALSE(glob_matches(pattern + "*b", std::string(255, 'a')));
  CHECK(glob_matches(pattern + "*", std::string(255, 'a')));
}
