// SPDX-License-Identifier: Apache-2.0
#include "common/printable.hpp"

#include <doctest/doctest.h>

namespace promised {
namespace {

TEST_CASE("plain text and UTF-8 pass unchanged") {
  for (const std::string text : {"", "plain text", "Grüße, 世界 🎈", "back\\slash"})
    CHECK(printable(text) == text);
}

TEST_CASE("control characters, direction marks and broken UTF-8 are escaped") {
  CHECK(printable("a\nb\tc\rd") == "a\\nb\\tc\\rd");
  CHECK(printable(std::string_view("\0\x1b[31m\x7f", 7)) == "\\x00\\x1b[31m\\x7f");
  CHECK(printable("\xc2\x9b") == "\\u{009b}");
  CHECK(printable("\xe2\x80\xae") == "\\u{202e}");
  CHECK(printable("\xe2\x80\xa8") == "\\u{2028}");
  CHECK(printable("a\xff\xc3") == "a\\xff\\xc3");
  CHECK(printable("\xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80") ==
        "\\xc0\\x80 \\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80");
}

TEST_CASE("line ends and tabs may be kept") {
  CHECK(printable("a\n\tb\r", Lines::many) == "a\n\tb\\r");
}

TEST_CASE("bytes that are not UTF-8 become the replacement character") {
  CHECK(valid_utf8("a\xff世\xe4\xb8") == "a\xef\xbf\xbd世\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(valid_utf8("\n") == "\n");
}

TEST_CASE("columns are counted in code points") {
  CHECK(columns("") == 0);
  CHECK(columns("Grüße") == 5);
}

}  // namespace
}  // namespace promised
