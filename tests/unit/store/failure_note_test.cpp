// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/failure_note.hpp"

#include <doctest/doctest.h>

#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

TEST_CASE("DESIGN 2.8 what a daemon leaves of its failure is found by the next one, once") {
  const TempDirectory directory;
  const FailureNote note(directory.path());
  REQUIRE(note.find().ok());
  CHECK_FALSE(note.find()->has_value());
  CHECK(note.remove().ok());
  REQUIRE(note.leave({moment(7), "an earlier one, which was longer"}).ok());
  REQUIRE(note.leave({moment(8), "disk I/O error"}).ok());
  const auto found = note.find();
  REQUIRE(found.ok());
  CHECK(*found == StoreFailure{moment(8), "disk I/O error"});
  REQUIRE(note.remove().ok());
  CHECK_FALSE(note.find()->has_value());
}

TEST_CASE("the reason of a failure is one line of bounded length, whatever is in it") {
  const TempDirectory directory;
  const FailureNote note(directory.path());
  REQUIRE(note.leave({moment(1), "two\nlines " + std::string(10'000, 'x')}).ok());
  const auto found = note.find();
  REQUIRE(found.ok());
  REQUIRE(found->has_value());
  CHECK((*found)->reason.starts_with("two\\nlines xxx"));
  CHECK((*found)->reason.size() < 4096);
}

TEST_CASE("a note of a failure that was cut off anywhere is told as such") {
  const TempDirectory directory;
  const FailureNote note(directory.path());
  REQUIRE(note.leave({moment(1), "disk I/O error"}).ok());
  const std::string whole = read_file(note.path());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    write_file(note.path(), whole.substr(0, size));
    const auto found = note.find();
    REQUIRE_FALSE(found.ok());
    CHECK(found.problem().message ==
          note.path() +
              " is not whole: an earlier daemon's store has failed, and with it the writing down of why; see "
              "the log of that time");
  }
}

TEST_CASE("a note that cannot be left, found or removed names its file") {
  const TempDirectory directory;
  const FailureNote nowhere(directory / "none");
  CHECK(nowhere.leave({moment(1), "x"}).problem().message ==
        "cannot open " + nowhere.path() + ": No such file or directory");
  const FailureNote note(directory.path());
  std::filesystem::create_directory(note.path());
  CHECK(note.find().problem().message == "cannot read " + note.path() + ": Is a directory");
  CHECK(note.remove().problem().message == "cannot remove " + note.path() + ": Is a directory");
}

}  // namespace
}  // namespace promised::test
