// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/migrations.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "daemon/store/database_file.hpp"
#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

constexpr Migration kFirst{1, "CREATE TABLE thing (name TEXT)"};
constexpr Migration kSecond{2, "ALTER TABLE thing ADD COLUMN size INTEGER NOT NULL DEFAULT 5"};
constexpr Migration kThird{3, "UPDATE thing SET size = size * 2"};
constexpr Migration kBroken{3, "UPDATE thing SET size = 100; UPDATE absent SET size = 0"};

Result<Database> open(const TempDirectory& directory, std::vector<Migration> steps) {
  auto held = StateDirectory::hold(directory.path());
  REQUIRE(held.ok());
  return open_database_file(*held, steps);
}

/// A database of version 1 with one row.
void make_old(const TempDirectory& directory) {
  auto database = open(directory, {kFirst});
  REQUIRE(database.ok());
  REQUIRE(database->execute("INSERT INTO thing VALUES ('old')").ok());
}

std::int64_t number(Database& database, const std::string& sql) {
  const auto value = database.integer(sql);
  if (!value) FAIL(value.problem().message);
  return *value;
}

TEST_CASE("E5 a database of an older version is migrated step by step") {
  const TempDirectory directory;
  make_old(directory);
  auto database = open(directory, {kFirst, kSecond, kThird});
  REQUIRE(database.ok());
  CHECK(number(*database, "PRAGMA user_version") == 3);
  CHECK(number(*database, "SELECT size FROM thing WHERE name='old'") == 10);
}

TEST_CASE("E5 before a migration a whole, private copy is put beside the database") {
  const TempDirectory directory;
  make_old(directory);
  REQUIRE(open(directory, {kFirst, kSecond}).ok());
  struct stat found {};
  REQUIRE(::stat((directory / "promised.db.v1").c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0600);
  auto copy = Database::open(directory / "promised.db.v1");
  REQUIRE(copy.ok());
  CHECK(number(*copy, "PRAGMA user_version") == 1);
  CHECK(number(*copy, "PRAGMA application_id") == kApplicationId);
  CHECK(number(*copy, "SELECT count(*) FROM thing WHERE name='old'") == 1);
  CHECK_FALSE(std::filesystem::exists(directory / "promised.db.v1.new"));
}

TEST_CASE("E5 a copy of the older version can be put back in place") {
  const TempDirectory directory;
  make_old(directory);
  REQUIRE(open(directory, {kFirst, kSecond}).ok());
  std::filesystem::rename(directory / "promised.db.v1", directory / "promised.db");
  auto database = open(directory, {kFirst});
  REQUIRE(database.ok());
  CHECK(number(*database, "SELECT count(*) FROM thing WHERE name='old'") == 1);
}

TEST_CASE("E5 a database that is new or up to date is not copied") {
  const TempDirectory directory;
  REQUIRE(open(directory, {kFirst, kSecond}).ok());
  REQUIRE(open(directory, {kFirst, kSecond}).ok());
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    const std::string name = entry.path().filename();
    CHECK((name == "promised.db" || name == "lock"));
  }
}

TEST_CASE("E5 a migration that fails leaves its step undone, and can be tried again") {
  const TempDirectory directory;
  make_old(directory);
  const auto failed = open(directory, {kFirst, kSecond, kBroken});
  REQUIRE_FALSE(failed.ok());
  CAPTURE(failed.problem().message);
  CHECK(failed.problem().message.find("no such table: absent") != std::string::npos);
  auto database = open(directory, {kFirst, kSecond, kThird});
  REQUIRE(database.ok());
  CHECK(number(*database, "SELECT size FROM thing WHERE name='old'") == 10);
}

TEST_CASE("E5 where no copy can be made nothing is migrated") {
  const TempDirectory directory;
  make_old(directory);
  std::filesystem::create_directory(directory / "promised.db.v1.new");
  const auto failed = open(directory, {kFirst, kSecond});
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.problem().message.find("promised.db.v1.new") != std::string::npos);
  std::filesystem::remove(directory / "promised.db.v1.new");
  auto database = open(directory, {kFirst});
  REQUIRE(database.ok());
  CHECK(number(*database, "PRAGMA user_version") == 1);
}

TEST_CASE("E5 a database of a newer version is refused, saying what to do, and stays as it is") {
  const TempDirectory directory;
  make_old(directory);
  REQUIRE(open(directory, {kFirst, kSecond, kThird}).ok());
  const std::string before = read_file(directory / "promised.db");
  const auto refused = open(directory, {kFirst, kSecond});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.problem().code == "newer");
  CAPTURE(refused.problem().message);
  CHECK(refused.problem().message.find((directory / "promised.db").string() +
                                       " was written by a later promised: its version is 3, this one knows "
                                       "versions up to 2; start that later promised") != std::string::npos);
  CHECK(read_file(directory / "promised.db") == before);
}

TEST_CASE("E5 the store itself refuses a newer version") {
  const TempDirectory directory;
  static_cast<void>(open_store(directory.path()));
  {
    auto database = Database::open(directory / "promised.db");
    REQUIRE(database.ok());
    REQUIRE(database->execute("PRAGMA user_version=1000").ok());
  }
  const auto refused = Store::open(directory.path());
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.problem().code == "newer");
}

TEST_CASE("a creation that was cut off is begun again") {
  const TempDirectory directory;
  write_file(directory / "promised.db.new", "half of a database");
  write_file(directory / "promised.db.new-wal", "its log");
  write_file(directory / "promised.db.new-journal", "its journal");
  CHECK(contents_of(directory.path()).jobs.empty());
  CHECK_FALSE(std::filesystem::exists(directory / "promised.db.new"));
}

TEST_CASE("migrations are numbered from 1 without a gap") {
  int expected = 1;
  for (const Migration& step : migrations()) CHECK(step.version == expected++);
}

}  // namespace
}  // namespace promised::test
