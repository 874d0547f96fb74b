// SPDX-License-Identifier: Apache-2.0
#include "common/wire/utf8.hpp"

#include <doctest/doctest.h>

#include <string>

namespace promised::test {
namespace {

TEST_CASE("UTF-8 is what RFC 3629 says") {
  struct Row {
    std::string text;
    std::optional<std::size_t> bad;
  };
  const Row rows[] = {
      {"", {}},
      {"plain text that is longer than a word of the machine", {}},
      {"\xc2\x80 \xdf\xbf", {}},
      {"\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf", {}},
      {"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf", {}},
      {"\x80", 0},              // continues nothing
      {"a\xc0\xaf", 1},         // overlong
      {"\xc1\xbf", 0},          // overlong
      {"\xe0\x9f\xbf", 0},      // overlong
      {"\xf0\x8f\xbf\xbf", 0},  // overlong
      {"\xed\xa0\x80", 0},      // surrogate
      {"\xf4\x90\x80\x80", 0},  // above U+10FFFF
      {"\xf5\x80\x80\x80", 0},
      {"\xff", 0},
      {"ok \xe2\x82", 3},  // cut short
      {"ok \xf0\x9f\x98", 3},
      {"ok \xc3", 3},
      {"ok \xe2\x28\xa1", 3},
      {"ok \xf0\x9f\x28\xa1", 3},
      {"eight by\xfftes", 8},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(wire::first_not_utf8(row.text) == row.bad);
  }
}

TEST_CASE("mended text is UTF-8 and keeps all that was") {
  CHECK(wire::mended_utf8("fine \xe2\x82\xac") == "fine \xe2\x82\xac");
  CHECK(wire::mended_utf8("caf\xe9!") == "caf\xef\xbf\xbd!");
  CHECK(wire::mended_utf8("\xff\xfe") == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(wire::mended_utf8("end \xe2\x82") == "end \xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("cutting text leaves characters whole") {
  const std::string euro = "1\xe2\x82\xac";
  CHECK(wire::cut_utf8(euro, 10) == euro);
  CHECK(wire::cut_utf8(euro, 4) == euro);
  CHECK(wire::cut_utf8(euro, 3) == "1");
  CHECK(wire::cut_utf8(euro, 2) == "1");
  CHECK(wire::cut_utf8(euro, 1) == "1");
  CHECK(wire::cut_utf8(euro, 0).empty());
}

TEST_CASE("the end of a text begins with a whole character") {
  const std::string euro =
      "\xe2\x82\xac"
      "1";
  CHECK(wire::end_of_utf8(euro, 10) == euro);
  CHECK(wire::end_of_utf8(euro, 4) == euro);
  CHECK(wire::end_of_utf8(euro, 3) == "1");
  CHECK(wire::end_of_utf8(euro, 2) == "1");
  CHECK(wire::end_of_utf8(euro, 1) == "1");
  CHECK(wire::end_of_utf8(euro, 0).empty());
  CHECK(wire::end_of_utf8(std::string(100, '\x80'), 50).size() == 47);
}

TEST_CASE("cutting what is no text loses at most a character's length") {
  const std::string bytes(100, '\x80');
  CHECK(wire::cut_utf8(bytes, 50).size() >= 46);
}

}  // namespace
}  // namespace promised::test
