// SPDX-License-Identifier: Apache-2.0
// What a check finds in a database, and in the results that are files.
#include "daemon/store/check_copy.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.hpp"
#include "daemon/store/result_copies.hpp"
#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

/// A closed store with a job of each kind, a name and a tombstone; and what somebody has done to it.
class Patient {
 public:
  Patient() {
    const auto store = open_store(directory.path());
    const std::string large(4096, 'x');
    commit(*store, {insert(1), insert(2, large), insert(3), succeed(3), insert(4, large), succeed(4, large),
                    insert(5), insert(6), insert(7, ""), set_name("held", 3), set_name("gone", 5),
                    change::DropName{1000, "gone", State::lapsed, moment(9)}});
    change::EndJob failed = succeed(6, "");
    failed.state = State::failed;
    failed.failure.cause = Cause::exited;
    commit(*store, {failed});
  }

  void sql(const std::string& text) const {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open((directory / "promised.db").c_str(), &database) == SQLITE_OK);
    CAPTURE(text);
    CHECK(sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
  }
  void overwrite(std::uintmax_t offset, const std::string& bytes) const {
    const Fd file(::open((directory / "promised.db").c_str(), O_RDWR | O_CLOEXEC));
    REQUIRE(::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
            static_cast<ssize_t>(bytes.size()));
  }
  /// Makes the result of job 4 a file with this content.
  void result_becomes_file(const std::string& content) const {
    sql("UPDATE job SET result_file=1 WHERE id=" + id(4) + "; DELETE FROM large WHERE job=" + id(4));
    std::filesystem::create_directory(directory / "results");
    write_file(result(4), content);
  }
  [[nodiscard]] std::filesystem::path result(std::uint64_t number) const {
    return directory / "results" / job_id(number).text();
  }
  /// As SQL has it.
  [[nodiscard]] static std::string id(std::uint64_t number) {
    std::string text = "x'";
    for (const char c : job_id(number).text()) {
      if (c != '-') text += c;
    }
    return text + "'";
  }

  [[nodiscard]] StoreReport check() const {
    StoreReport report;
    const std::atomic<bool> stop{false};
    Findings findings(report, stop);
    auto copy = Database::open_unchanging(directory / "promised.db");
    REQUIRE(copy.ok());
    CHECK(check_pages(*copy, findings).ok());
    CHECK(check_rows(*copy, findings).ok());
    if (report.damages != 0) return report;
    CHECK(check_results(*copy, directory.path(), findings).ok());
    return report;
  }
  /// The one sentence that a check has to say.
  [[nodiscard]] std::string finding() const {
    const StoreReport report = check();
    CHECK(report.damages == 1);
    return report.damage.empty() ? "" : report.damage.front();
  }

  TempDirectory directory;
};

TEST_CASE("a store that is sound is found so, and counted") {
  const Patient patient;
  const StoreReport report = patient.check();
  CHECK(report.damages == 0);
  CHECK(report.damage.empty());
  CHECK(report.jobs == 7);
  CHECK(report.names == 1);
  CHECK(report.tombstones == 1);
  CHECK(report.results == 2);
  CHECK(report.result_files == 0);
}

TEST_CASE("a check changes nothing, and makes no file") {
  const Patient patient;
  const std::string before = read_file(patient.directory / "promised.db");
  static_cast<void>(patient.check());
  CHECK(read_file(patient.directory / "promised.db") == before);
  CHECK_FALSE(std::filesystem::exists(patient.directory / "promised.db-wal"));
  CHECK_FALSE(std::filesystem::exists(patient.directory / "promised.db-shm"));
}

TEST_CASE("a name that stands for no job is damage") {
  const Patient patient;
  patient.sql("DELETE FROM job WHERE id=" + Patient::id(3));
  CHECK(patient.finding() ==
        "the name \"held\" of user 1000 stands for job " + job_id(3).text() + ", which is not there");
}

TEST_CASE("rows that make no sense are damage, each told by its job or name") {
  const std::string job2 = "job " + job_id(2).text(), job4 = "job " + job_id(4).text();
  const std::pair<std::string, std::string> cases[] = {
      {"DELETE FROM large WHERE job=" + Patient::id(2),
       job2 + ": its arguments should have 4096 bytes, found 0"},
      {"DELETE FROM large WHERE job=" + Patient::id(4),
       job4 + ": its result should have 4096 bytes, found 0"},
      {"UPDATE job SET arguments_size=17 WHERE id=" + Patient::id(2),
       job2 + ": its arguments should have 17 bytes, found 4096"},
      {"UPDATE large SET content=x'00' WHERE job=" + Patient::id(4),
       job4 + ": its result should have 4096 bytes, found 1"},
      {"UPDATE job SET output=x'0102' WHERE id=" + Patient::id(4),
       job4 + ": its output should have 0 bytes, found 2"},
      {"INSERT INTO large VALUES (" + Patient::id(4) + ", 2, x'00')",
       job4 + ": its output should have 0 bytes, found 1"},
      {"UPDATE job SET state=77 WHERE id=" + Patient::id(2),
       "the database is damaged: " + job2 + " has the impossible state 77"},
      {"UPDATE job SET options=x'ff' WHERE id=" + Patient::id(2),
       "the database is damaged: the options of " + job2 + ": expected options, found 1 bytes that are none"},
      {"UPDATE job SET result_file=1 WHERE id=" + Patient::id(1),
       "job " + job_id(1).text() + " has a file for its result, but has not succeeded"},
      {"INSERT INTO large VALUES (" + Patient::id(99) + ", 1, x'00')",
       "there are large arguments, a large result or a large output (part 1) of job " + job_id(99).text() +
           ", which has none"},
      {"INSERT INTO large VALUES (" + Patient::id(1) + ", 5, x'00')",
       "there are large arguments, a large result or a large output (part 5) of job " + job_id(1).text() +
           ", which has none"},
      {"INSERT INTO link VALUES (" + Patient::id(99) + ", NULL, 0, 0, 0, 0, 0, NULL)",
       "it is kept how job " + job_id(99).text() + " hangs together with others, which is not there"},
      {"INSERT INTO part VALUES (" + Patient::id(99) + ", 0, x'01000000', x'00')",
       "there are streamed parts of job " + job_id(99).text() + ", which is not there"},
      {"INSERT INTO part VALUES (" + Patient::id(1) + ", 0, x'0100000001000000', x'0000')",
       "job " + job_id(1).text() + " should have streamed 0 parts, found 2"},
      {"UPDATE name SET state=99 WHERE name='gone'",
       "the database is damaged: the name \"gone\" of user 1000 has the impossible state 99"},
      {"UPDATE name SET job=x'00' WHERE name='held'",
       "the name \"held\" of user 1000: the database is damaged: a job's id has 1 bytes instead of 16"},
      {"INSERT INTO steered_queue VALUES ('mail', x'ff', x'')",
       "the database is damaged: what was said of queue mail: expected what was said of a queue, found 1 "
       "bytes "
       "that are none"},
      {"PRAGMA user_version=99", "was written by a later promised: its version is 99"},
  };
  for (const auto& [sql, expected] : cases) {
    CAPTURE(sql);
    const Patient patient;
    patient.sql(sql);
    const std::string found = patient.finding();
    CAPTURE(found);
    CHECK(found.find(expected) != std::string::npos);
  }
}

TEST_CASE("garbage in a page is damage, or that page was of no matter") {
  const Patient whole;
  const auto pages = std::filesystem::file_size(whole.directory / "promised.db") / 4096;
  int found = 0;
  for (std::uintmax_t page = 0; page < pages; ++page) {
    CAPTURE(page);
    const Patient patient;
    patient.overwrite(page * 4096, std::string(4096, '\x5a'));
    const StoreReport report = patient.check();
    if (report.damages == 0) continue;
    ++found;
    CHECK_FALSE(report.damage.empty());
    CHECK(report.damage.front().find('\n') == std::string::npos);
  }
  CHECK(found >= 5);
}

TEST_CASE("of many damages the first 20 are told, and all are counted") {
  const Patient patient;
  {
    const auto store = open_store(patient.directory.path());
    std::vector<Change> changes;
    for (std::uint64_t n = 100; n < 150; ++n) changes.emplace_back(insert(n));
    commit(*store, changes);
  }
  patient.sql("UPDATE job SET state=77 WHERE id>=" + Patient::id(100));
  const StoreReport report = patient.check();
  CHECK(report.damages == 50);
  CHECK(report.damage.size() == 20);
}

TEST_CASE("what a name is made of cannot do harm to the terminal of who reads of it") {
  const Patient patient;
  patient.sql("UPDATE name SET name='a' || char(27) || '[2J' WHERE name='held'; DELETE FROM job WHERE id=" +
              Patient::id(3));
  CHECK(patient.finding().starts_with("the name \"a\\x1b[2J\" of user 1000 stands for"));
}

TEST_CASE("a result that is a file must be there, be a file, and have its size") {
  const Patient patient;
  patient.result_becomes_file(std::string(4096, 'x'));
  StoreReport report = patient.check();
  CHECK(report.damages == 0);
  CHECK(report.result_files == 1);
  CHECK(report.bytes == 4096);
  const std::string of = "the result of job " + job_id(4).text(), path = patient.result(4);
  write_file(path, "short");
  CHECK(patient.finding() == of + " should have 4096 bytes, " + path + " has 5");
  std::filesystem::remove(path);
  CHECK(patient.finding() == of + " should be a file of 4096 bytes; " + path + ": No such file or directory");
  std::filesystem::create_directory(path);
  CHECK(patient.finding() == of + " should be a file, and " + path + " is none");
}

TEST_CASE("a check that is to stop says so, wherever it is") {
  const Patient patient;
  StoreReport report;
  const std::atomic<bool> stop{true};
  Findings findings(report, stop);
  auto copy = Database::open_unchanging(patient.directory / "promised.db");
  REQUIRE(copy.ok());
  CHECK(check_pages(*copy, findings).problem().code == "interrupted");
  CHECK(check_rows(*copy, findings).problem().code == "interrupted");
  CHECK(check_results(*copy, patient.directory.path(), findings).problem().code == "interrupted");
  CHECK(copy_results(*copy, patient.directory.path(), patient.directory / "to", findings).problem().code ==
        "interrupted");
}

TEST_CASE("a database with any name can be looked at") {
  const Patient patient;
  const TempDirectory directory;
  const auto path = directory / "50%?a=b#c \xc3\xbc.db";
  std::filesystem::copy_file(patient.directory / "promised.db", path);
  auto copy = Database::open_unchanging(path);
  REQUIRE(copy.ok());
  CHECK(copy->integer("SELECT count(*) FROM job").value() == 7);
}

TEST_CASE("results are brought to a backup as links on one disk, as copies to another one") {
  const Patient patient;
  const std::string content(4096, 'y');
  patient.result_becomes_file(content);
  StoreReport report;
  const std::atomic<bool> stop{false};
  Findings findings(report, stop);
  auto copy = Database::open_unchanging(patient.directory / "promised.db");
  REQUIRE(copy.ok());
  const auto brought_to = [&](const std::filesystem::path& to) {
    std::filesystem::create_directory(to);
    CHECK(copy_results(*copy, patient.directory.path(), to, findings).ok());
    struct stat there {
    }, here{};
    REQUIRE(::stat((to / "results" / job_id(4).text()).c_str(), &there) == 0);
    REQUIRE(::stat(patient.result(4).c_str(), &here) == 0);
    CHECK(read_file(to / "results" / job_id(4).text()) == content);
    return there.st_dev == here.st_dev ? there.st_ino == here.st_ino : (there.st_mode & 0777) == 0600;
  };
  CHECK(brought_to(patient.directory / "backup"));
  const std::filesystem::path other = "/dev/shm/promised-test-" + std::to_string(::getpid());
  CHECK(brought_to(other));
  std::filesystem::remove_all(other);
  // One that is missing is left to the check.
  std::filesystem::remove(patient.result(4));
  std::filesystem::create_directory(patient.directory / "without");
  CHECK(copy_results(*copy, patient.directory.path(), patient.directory / "without", findings).ok());
  CHECK(std::filesystem::is_empty(patient.directory / "without" / "results"));
}

}  // namespace
}  // namespace promised::test
