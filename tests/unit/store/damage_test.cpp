// SPDX-License-Identifier: Apache-2.0
// Files that are not what a daemon has left: shorter, overwritten, missing, somebody else's.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <random>

#include "common/fd.hpp"
#include "daemon/store/sqlite.hpp"
#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

constexpr std::uintmax_t kPage = 4096;
constexpr std::uintmax_t kFrame = kPage + 24;
constexpr std::uintmax_t kLogHeader = 32;

void overwrite(const std::filesystem::path& path, std::uintmax_t offset, const std::string& bytes) {
  const Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
          static_cast<ssize_t>(bytes.size()));
}

/// The Problem with which a store in `directory` opens or replays; the test fails if there is none.
Problem problem_of(const std::filesystem::path& directory) {
  auto store = Store::open(directory);
  if (!store) return store.problem();
  auto done = (*store)->replay([](RecoveredJob) {}, [](RecoveredName) {});
  if (done.ok()) done = (*store)->replay_graves([](const RecoveredGrave&) {});
  if (done.ok()) done = (*store)->replay_steered([](const SteeredQueue&) {}, [](const SteeredQuota&) {});
  REQUIRE_FALSE(done.ok());
  return done.problem();
}

void expect_corrupt(const std::filesystem::path& directory) {
  const Problem problem = problem_of(directory);
  CAPTURE(problem.message);
  CHECK(problem.code == "corrupt");
  CHECK(problem.message.find((directory / "promised.db").string()) != std::string::npos);
  CHECK(problem.message.find("put a copy of it back, or move") != std::string::npos);
}

/// A database with some hundred jobs, closed well.
void fill(const std::filesystem::path& directory) {
  const auto store = open_store(directory);
  for (std::uint64_t n = 0; n < 100; ++n) commit(*store, numbered_batch(n));
}

/// The files of a store that is open, as a kill would leave them.
void copy_files(const std::filesystem::path& from, const std::filesystem::path& to) {
  for (const char* name : {"promised.db", "promised.db-wal"}) {
    std::filesystem::copy_file(from / name, to / name, std::filesystem::copy_options::overwrite_existing);
  }
}

TEST_CASE("E5 a database that was cut off anywhere is refused as corrupt") {
  const TempDirectory whole;
  fill(whole.path());
  const auto size = std::filesystem::file_size(whole / "promised.db");
  std::vector<std::uintmax_t> sizes{0, 1, 15, 16, 99, 100, 511, 512, 1000, size - 1};
  for (std::uintmax_t at = kPage; at < size; at += kPage) sizes.push_back(at);
  for (const std::uintmax_t cut : sizes) {
    CAPTURE(cut);
    const TempDirectory directory;
    std::filesystem::copy_file(whole / "promised.db", directory / "promised.db");
    std::filesystem::resize_file(directory / "promised.db", cut);
    expect_corrupt(directory.path());
  }
}

TEST_CASE("E5 a database with garbage in any page is refused as corrupt, or that page was of no matter") {
  const TempDirectory whole;
  fill(whole.path());
  const auto pages = std::filesystem::file_size(whole / "promised.db") / kPage;
  std::uintmax_t refused = 0;
  for (std::uintmax_t page = 0; page < pages; ++page) {
    CAPTURE(page);
    const TempDirectory directory;
    std::filesystem::copy_file(whole / "promised.db", directory / "promised.db");
    overwrite(directory / "promised.db", page * kPage, std::string(kPage, '\x5a'));
    auto store = Store::open(directory.path());
    Contents contents;
    if (store.ok() &&
        (*store)
            ->replay([&](RecoveredJob job) { contents.jobs.push_back(std::move(job)); },
                     [&](RecoveredName name) { contents.names.push_back(std::move(name)); })
            .ok() &&
        (*store)->replay_graves([](const RecoveredGrave&) {}).ok() &&
        (*store)->replay_steered([](const SteeredQueue&) {}, [](const SteeredQuota&) {}).ok()) {
      CHECK(whole_batches(contents) == 100);
      continue;
    }
    if (store.ok()) store->reset();
    ++refused;
    expect_corrupt(directory.path());
  }
  // All but the map of the pages' parents, the empty tables of large payloads and of parts, and the two of
  // the empty backlog.
  CHECK(refused >= pages - 6);
}

TEST_CASE("E5 a damaged page that no job is in is found where the last shutdown was unclean") {
  const TempDirectory whole;
  const TempDirectory directory;
  fill(whole.path());
  {
    const auto store = open_store(whole.path());
    commit(*store, numbered_batch(100));
    copy_files(whole.path(), directory.path());
  }
  overwrite(directory / "promised.db", kPage, std::string(kPage, '\x5a'));
  const auto store = Store::open(directory.path());
  REQUIRE_FALSE(store.ok());
  CHECK(store.problem().code == "corrupt");
}

TEST_CASE("E5 a database that was cut off beside a log is refused, or the log has what is missing") {
  // Random bytes: zeros in place of a missing page would not be these.
  std::string arguments(100'000, '\0');
  std::mt19937_64 random(1);
  for (char& c : arguments) c = static_cast<char>(random());
  const TempDirectory whole;
  commit(*open_store(whole.path()), {insert(1, arguments)});
  const TempDirectory killed;
  {
    const auto store = open_store(whole.path());
    commit(*store, {insert(2)});
    copy_files(whole.path(), killed.path());
  }
  const auto size = std::filesystem::file_size(killed / "promised.db");
  int refused = 0;
  for (std::uintmax_t cut = 0; cut < size; cut += cut % kPage == 0 ? 2000 : kPage - 2000) {
    CAPTURE(cut);
    const TempDirectory directory;
    copy_files(killed.path(), directory.path());
    std::filesystem::resize_file(directory / "promised.db", cut);
    {
      auto store = Store::open(directory.path());
      if (store.ok()) {
        // The log has the page that was cut.
        const Contents contents = contents_of(**store);
        REQUIRE(contents.job(1) != nullptr);
        const bool same = contents.job(1)->arguments.view() == arguments;
        CHECK(same);
        continue;
      }
    }
    ++refused;
    expect_corrupt(directory.path());
    // And no start makes it look whole.
    CHECK(std::filesystem::file_size(directory / "promised.db") == cut);
  }
  CHECK(refused > 0);
}

TEST_CASE("E5 what is not a database, or another program's, is refused as corrupt") {
  const TempDirectory directory;
  write_file(directory / "promised.db", std::string(2 * kPage, 'x'));
  expect_corrupt(directory.path());
  CHECK(problem_of(directory.path()).message.find("file is not a database") != std::string::npos);
  write_file(directory / "promised.db", "");
  CHECK(problem_of(directory.path()).message.find("is empty") != std::string::npos);
  expect_corrupt(directory.path());
  {
    auto database = Database::open(directory / "promised.db");
    REQUIRE(database.ok());
    REQUIRE(database->execute("CREATE TABLE recipes (name TEXT)").ok());
  }
  expect_corrupt(directory.path());
  CHECK(problem_of(directory.path()).message.find("is not a database of promised") != std::string::npos);
}

TEST_CASE("E5 something else where the database should be is refused") {
  const TempDirectory directory;
  std::filesystem::create_directory(directory / "promised.db");
  CHECK(problem_of(directory.path()).message.find("is not a plain file") != std::string::npos);
  std::filesystem::remove(directory / "promised.db");
  std::filesystem::create_symlink("/etc/hostname", directory / "promised.db");
  CHECK(problem_of(directory.path()).message.find("is not a plain file") != std::string::npos);
}

TEST_CASE("E5 a log without its database is refused instead of starting with nothing") {
  const TempDirectory directory;
  write_file(directory / "promised.db-wal", "left over");
  expect_corrupt(directory.path());
  CHECK(problem_of(directory.path()).message.find("is missing, but its log") != std::string::npos);
}

TEST_CASE("E5 a row that makes no sense is refused as corrupt, naming the job") {
  for (const std::string sql : {"UPDATE job SET state=77", "UPDATE job SET options=x'ff'",
                                "UPDATE job SET failure=x'ff'", "UPDATE job SET id=x'00'"}) {
    CAPTURE(sql);
    const TempDirectory directory;
    commit(*open_store(directory.path()), {insert(1)});
    {
      auto database = Database::open(directory / "promised.db");
      REQUIRE(database.ok());
      REQUIRE(database->execute(sql).ok());
    }
    expect_corrupt(directory.path());
  }
}

TEST_CASE("E5 large arguments that are gone are noticed") {
  const TempDirectory directory;
  commit(*open_store(directory.path()), {insert(1, std::string(10'000, 'x'))});
  {
    auto database = Database::open(directory / "promised.db");
    REQUIRE(database.ok());
    REQUIRE(database->execute("DELETE FROM large").ok());
  }
  expect_corrupt(directory.path());
}

TEST_CASE("a log that was cut off anywhere has the first batches, whole") {
  constexpr std::uint64_t kBatches = 25;
  const TempDirectory whole;
  const auto store = open_store(whole.path());
  for (std::uint64_t n = 0; n < kBatches; ++n) commit(*store, numbered_batch(n));
  const auto size = std::filesystem::file_size(whole / "promised.db-wal");
  std::vector<std::uintmax_t> cuts{0, 1, kLogHeader - 1};
  for (std::uintmax_t at = kLogHeader; at <= size; at += kFrame) {
    cuts.push_back(at);
    if (at + kFrame <= size) cuts.push_back(at + 24 + (at / kFrame * 97) % kPage);  // within a page
  }
  std::uint64_t most = 0;
  for (const std::uintmax_t cut : cuts) {
    CAPTURE(cut);
    const TempDirectory directory;
    copy_files(whole.path(), directory.path());
    std::filesystem::resize_file(directory / "promised.db-wal", cut);
    const auto batches = whole_batches(contents_of(directory.path()));
    REQUIRE(batches.has_value());
    CHECK(*batches >= most);
    most = *batches;
  }
  CHECK(most == kBatches);
  MESSAGE("cuts tried: " << cuts.size());
}

TEST_CASE("a log with a wrong byte anywhere has the first batches, whole") {
  const TempDirectory whole;
  const auto store = open_store(whole.path());
  for (std::uint64_t n = 0; n < 10; ++n) commit(*store, numbered_batch(n));
  const auto size = std::filesystem::file_size(whole / "promised.db-wal");
  for (std::uintmax_t at = 5; at < size; at += kFrame + 333) {
    CAPTURE(at);
    const TempDirectory directory;
    copy_files(whole.path(), directory.path());
    const std::string log = read_file(directory / "promised.db-wal");
    overwrite(directory / "promised.db-wal", at, std::string(1, static_cast<char>(log[at] ^ 0x10)));
    CHECK(whole_batches(contents_of(directory.path())).has_value());
  }
}

}  // namespace
}  // namespace promised::test
