// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <sqlite3.h>

#include "daemon/settings.hpp"
#include "tests/support/eventually.hpp"
#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

std::uintmax_t size_of(const std::filesystem::path& path) {
  return std::filesystem::exists(path) ? std::filesystem::file_size(path) : 0;
}

/// `count` jobs with 4 KiB of arguments each, from `first` on.
std::vector<Change> bulky(std::uint64_t first, std::uint64_t count) {
  std::vector<Change> changes;
  for (std::uint64_t i = 0; i < count; ++i) changes.emplace_back(insert(first + i, std::string(4096, 'x')));
  return changes;
}

std::vector<Change> removed(std::uint64_t first, std::uint64_t count) {
  std::vector<Change> changes;
  for (std::uint64_t i = 0; i < count; ++i) changes.emplace_back(remove(first + i));
  return changes;
}

TEST_CASE("a row has room for the largest payload that the configuration allows") {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(":memory:", &database) == SQLITE_OK);
  const int most = sqlite3_limit(database, SQLITE_LIMIT_LENGTH, -1);
  sqlite3_close(database);
  // Beside the content the row has an id and two numbers.
  CHECK(kLargestPayload + 1024 <= static_cast<std::uint64_t>(most));
}

TEST_CASE("the log is bounded, however much is written") {
  constexpr std::uintmax_t kMebi = std::uintmax_t{1} << 20;
  const TempDirectory directory;
  const auto store = open_store(directory.path());
  for (std::uint64_t n = 0; n < 80; ++n) {
    commit(*store, bulky(n * 100, 100));
    CHECK(size_of(directory / "promised.db-wal") < 20 * kMebi);
  }
  CHECK(size_of(directory / "promised.db") > 20 * kMebi);
}

TEST_CASE("the space of deleted jobs goes back to the file system, step by step") {
  const TempDirectory directory;
  const auto store = open_store(directory.path());
  commit(*store, bulky(0, 8000));
  commit(*store, {insert(100'000, "stays")});
  commit(*store, removed(0, 8000));
  int steps = 0;
  for (bool more = true; more; ++steps) {
    const auto done = store->tidy();
    REQUIRE(done.ok());
    more = *done;
    REQUIRE(steps < 1000);
  }
  CHECK(steps > 5);
  CHECK(store->facts().bytes < 20'000'000);
  CHECK(size_of(directory / "promised.db") + size_of(directory / "promised.db-wal") == store->facts().bytes);
  CHECK(contents_of(*store).jobs.size() == 1);
}

TEST_CASE("room for the next load is kept") {
  const TempDirectory directory;
  const auto store = open_store(directory.path());
  commit(*store, bulky(0, 2000));
  commit(*store, removed(0, 2000));
  while (store->tidy().value()) {
  }
  CHECK(size_of(directory / "promised.db") > 2000 * 4096);
}

TEST_CASE("all space goes back when that is asked for, and no more than was free then") {
  const TempDirectory directory;
  const auto store = open_store(directory.path());
  commit(*store, bulky(0, 3000));
  commit(*store, removed(0, 2000));
  while (store->tidy().value()) {
  }
  const std::uint64_t before = store->facts().bytes;
  REQUIRE(store->compact().ok());
  const std::uint64_t pages = store->left_to_compact();
  CHECK(pages > 2000);
  int steps = 0;
  for (; store->tidy().value(); ++steps) {
    if (steps == 0) commit(*store, removed(2000, 500));
    CHECK(store->left_to_compact() < pages);
  }
  CHECK(steps < 20);
  CHECK(store->left_to_compact() == 0);
  CHECK(store->facts().bytes + pages * 4096 <= before);
  CHECK(size_of(directory / "promised.db-wal") == 0);
  CHECK(contents_of(*store).jobs.size() == 500);
}

TEST_CASE("a clean shutdown leaves no log") {
  const TempDirectory directory;
  commit(*open_store(directory.path()), bulky(0, 10));
  CHECK_FALSE(std::filesystem::exists(directory / "promised.db-wal"));
  CHECK(contents_of(directory.path()).jobs.size() == 10);
}

}  // namespace
}  // namespace promised::test
