// SPDX-License-Identifier: Apache-2.0
#include "common/crash_report.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <new>
#include <string>
#include <vector>

using namespace promised;

TEST_CASE(
    "what a worker says of its crash is there until it is cleared, and no longer than there is room for") {
  CrashReport report;
  CHECK(report.backtrace().empty());
  CHECK_FALSE(report.out_of_memory());
  report.write("#0 here\n#1 there\n");
  report.note_out_of_memory();
  CHECK(report.backtrace() == "#0 here\n#1 there");
  CHECK(report.out_of_memory());
  report.clear();
  CHECK(report.backtrace().empty());
  CHECK_FALSE(report.out_of_memory());
  report.write(std::string(CrashReport::kRoom + 1, 'x'));
  CHECK(report.backtrace() == std::string(CrashReport::kRoom, 'x'));
}

TEST_CASE("E1 any bytes in the report of a crash are bounded and fit to be shown") {
  CrashReport hostile;
  std::memset(static_cast<void*>(&hostile), 0xff, sizeof hostile);
  const std::string shown = hostile.backtrace();
  CHECK(shown.starts_with("\\xff"));
  CHECK(shown.size() == CrashReport::kRoom * std::strlen("\\xff"));
  CHECK(hostile.out_of_memory());
  CrashReport report;
  report.write("\x1b[2J\n#1");
  CHECK(report.backtrace() == "\\x1b[2J\n#1");
}
