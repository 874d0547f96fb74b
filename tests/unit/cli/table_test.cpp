// SPDX-License-Identifier: Apache-2.0
#include "cli/table.hpp"

#include <doctest/doctest.h>

#include <sstream>

namespace promised::cli {
namespace {

std::string printed(const Table& table) {
  std::ostringstream out;
  table.print(out);
  return out.str();
}

TEST_CASE("columns stand below each other, numbers to the right, and no line ends in spaces") {
  Table table({"NAME", "N", "WHAT"});
  table.add({"a", "5", ""});
  table.add({"größer", "1234", "x"});
  CHECK(printed(table) ==
        "NAME       N  WHAT\n"
        "a          5\n"
        "größer  1234  x\n");
}

TEST_CASE("a note stands below its row and does not widen a column") {
  Table table;
  table.add({"a", "b"});
  table.note("a long reason for what happened");
  CHECK(printed(table) == "a  b\n    a long reason for what happened\n");
}

TEST_CASE("what is unprintable in a cell or a note is escaped") {
  Table table;
  table.add({"a\nb", "\x1b[31m"});
  table.note("\xff");
  CHECK(printed(table) == "a\\nb  \\x1b[31m\n    \\xff\n");
}

TEST_CASE("a header alone is an empty table") {
  Table table({"A"});
  CHECK(table.empty());
  table.add({"x"});
  CHECK_FALSE(table.empty());
}

}  // namespace
}  // namespace promised::cli
