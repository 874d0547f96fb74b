// SPDX-License-Identifier: Apache-2.0
#include "common/nearest.hpp"

#include <doctest/doctest.h>

namespace promised::test {
namespace {

using Names = std::vector<std::string>;

const Names kKnown = {"report.build", "report.send", "mail.send", "thumbnail", "noop"};

TEST_CASE("Q7 the nearest names come closest first") {
  CHECK(nearest("report.biuld", kKnown).front() == "report.build");
  CHECK(nearest("report.sent", kKnown).front() == "report.send");
  CHECK(nearest("nope", kKnown) == Names{"noop"});
}

TEST_CASE("swapped letters count as one slip") {
  // One swap against two replacements.
  CHECK(nearest("abcd", {"abxy", "abdc"}) == Names{"abdc", "abxy"});
}

TEST_CASE("a part of a name finds the whole") {
  CHECK(nearest("build", {"report.build.monthly.summary"}) == Names{"report.build.monthly.summary"});
  CHECK(nearest("report.build.monthly.summary", {"build"}) == Names{"build"});
  CHECK(nearest("bu", {"report.build.monthly.summary"}).empty());
}

TEST_CASE("what has little in common is not offered") {
  CHECK(nearest("zzzzzz", kKnown).empty());
  CHECK(nearest("noop", {}).empty());
}

TEST_CASE("no more names than asked for, ties in alphabetical order") {
  CHECK(nearest("a1", {"a4", "a3", "a2", "a5"}, 3) == Names{"a2", "a3", "a4"});
  CHECK(nearest("a1", {"a4", "a3"}, 0).empty());
}

TEST_CASE("E1 absurdly long names cost nothing") {
  const std::string longest(256, 'a');
  CHECK(nearest(longest, {longest}).empty());
  CHECK(nearest("a", {longest}).empty());
  CHECK(nearest(std::string(255, 'a'), {std::string(255, 'a')}).size() == 1);
}

TEST_CASE("Q7 the question reads as a person would ask it") {
  CHECK(did_you_mean("zzzzzz", kKnown).empty());
  CHECK(did_you_mean("nope", kKnown) == "; did you mean noop?");
  CHECK(did_you_mean("a1", {"a2", "a3"}) == "; did you mean a2 or a3?");
  CHECK(did_you_mean("a1", {"a2", "a3", "a4", "a5"}) == "; did you mean a2, a3 or a4?");
}

}  // namespace
}  // namespace promised::test
