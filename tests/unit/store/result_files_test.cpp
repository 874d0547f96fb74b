// SPDX-License-Identifier: Apache-2.0
// Large results as files of their own.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "common/fd.hpp"
#include "tests/support/fault_vfs.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kAbove = 4096;
const std::string kLarge(100'000, 'r');

std::unique_ptr<Store> open(const TempDirectory& directory, std::uint64_t above = kAbove) {
  auto store = Store::open(directory.path(), above);
  if (!store) FAIL(store.problem().message);
  return *std::move(store);
}

fs::path file_of(const TempDirectory& directory, std::uint64_t job) {
  return directory / "results" / job_id(job).text();
}

std::size_t files_in(const TempDirectory& directory) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(directory / "results"), fs::directory_iterator()));
}

std::string result_of(Store& store, std::uint64_t job) {
  const auto result = store.load_result(job_id(job));
  if (!result) FAIL(result.problem().message);
  REQUIRE(result->has_value());
  return std::string((*result)->view());
}

void tidy(Store& store) {
  for (;;) {
    const auto more = store.tidy();
    if (!more) FAIL(more.problem().message);
    if (!*more) return;
  }
}

TEST_CASE("who removes the directory of the results under a daemon is told that, and what to do") {
  const TempDirectory directory;
  const auto store = open(directory);
  fs::remove_all(directory / "results");
  const std::vector<Change> changes{insert(1), succeed(1, kLarge)};
  const auto failed = store->apply(changes);
  REQUIRE_FALSE(failed);
  CHECK(
      failed.problem().message ==
      "the directory " + (directory / "results").string() +
          " was removed while the daemon ran; put it back from a backup if there is one, then start promised "
          "again: it makes the directory if need be, and the large results that are not in it are lost. All "
          "else that was accepted is safe");
}

TEST_CASE("a result above large_result is a file that nobody else can read, and one up to it is none") {
  const TempDirectory directory;
  const auto store = open(directory);
  commit(*store, {insert(1), insert(2), succeed(1, kLarge), succeed(2, std::string(kAbove, 's'))});
  CHECK(files_in(directory) == 1);
  CHECK(read_file(file_of(directory, 1)) == kLarge);
  struct stat file {};
  REQUIRE(::stat(file_of(directory, 1).c_str(), &file) == 0);
  CHECK((file.st_mode & 07777) == 0600);
  CHECK(result_of(*store, 1) == kLarge);
  CHECK(result_of(*store, 2) == std::string(kAbove, 's'));
  CHECK(store->facts().bytes > kLarge.size());
}

TEST_CASE("R9 a result that is a file is there after a restart, whatever large_result is by then") {
  const TempDirectory directory;
  commit(*open(directory), {insert(1), succeed(1, kLarge)});
  const auto store = open(directory, kLarge.size());
  CHECK(result_of(*store, 1) == kLarge);
  CHECK(store->facts().bytes > kLarge.size());
  commit(*store, {remove(1)});
  tidy(*store);
  CHECK(files_in(directory) == 0);
}

TEST_CASE("the file of a result goes after its job's row") {
  const TempDirectory directory;
  const auto store = open(directory);
  commit(*store, {insert(1), succeed(1, kLarge), insert(2), succeed(2, kLarge)});
  const auto before = store->facts().bytes;
  commit(*store, {remove(1)});
  CHECK(fs::exists(file_of(directory, 1)));
  CHECK(store->facts().bytes < before);
  tidy(*store);
  CHECK_FALSE(fs::exists(file_of(directory, 1)));
  CHECK(result_of(*store, 2) == kLarge);
}

TEST_CASE("a file that no row names is removed, and what is not the daemon's is left alone") {
  const TempDirectory directory;
  commit(*open(directory), {insert(1), succeed(1, kLarge)});
  // A daemon was killed between the files and the rows; many of them take several steps.
  for (std::uint64_t i = 2; i < 60; ++i) std::ofstream(file_of(directory, i)) << kLarge;
  std::ofstream(directory / "results" / "notes.txt") << "mine";
  const auto store = open(directory);
  tidy(*store);
  CHECK(files_in(directory) == 2);
  CHECK(result_of(*store, 1) == kLarge);
  CHECK(read_file(directory / "results" / "notes.txt") == "mine");
}

TEST_CASE("a batch that is not committed leaves no file") {
  const TempDirectory directory;
  {
    FaultVfs disk;
    const auto store = open(directory);
    commit(*store, {insert(1)});
    disk.fail(FaultVfs::File::log, FaultVfs::Call::write, 1, FaultVfs::Fault::full);
    CHECK_FALSE(store->apply(std::vector<Change>{succeed(1, kLarge)}).ok());
  }
  CHECK(files_in(directory) == 0);
}

TEST_CASE("a job that ended and was dropped in one batch, and came again, has its own result") {
  const TempDirectory directory;
  const std::string other(50'000, 'o');
  const auto store = open(directory);
  commit(*store, {insert(1), succeed(1, kLarge), remove(1), insert(1), succeed(1, other)});
  CHECK(result_of(*store, 1) == other);
  tidy(*store);
  CHECK(result_of(*store, 1) == other);
  commit(*store, {remove(1), insert(1), succeed(1, kLarge)});
  tidy(*store);
  CHECK(result_of(*store, 1) == kLarge);
}

TEST_CASE("the end of a job that is not there leaves nothing behind") {
  const TempDirectory directory;
  const auto store = open(directory);
  const auto before = store->facts().bytes;
  commit(*store, {succeed(1, kLarge), succeed(2, std::string(3000, 'm'))});
  tidy(*store);
  CHECK(files_in(directory) == 0);
  commit(*store, {insert(2), succeed(2, "small"), remove(2)});
  CHECK_FALSE(store->load_result(job_id(2))->has_value());
  CHECK(store->facts().bytes < before + 100'000);
}

TEST_CASE("where no descriptor is left a large result is kept in the database, and files can be read") {
  const TempDirectory directory;
  const auto store = open(directory);
  commit(*store, {insert(1), insert(2), succeed(1, kLarge)});
  {
    std::vector<Fd> all;
    while (all.empty() || all.back().valid()) all.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    CHECK(result_of(*store, 1) == kLarge);
    all.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));  // what it has spared
    commit(*store, {succeed(2, kLarge)});
    tidy(*store);
  }
  CHECK(files_in(directory) == 1);
  CHECK(result_of(*store, 2) == kLarge);
  tidy(*store);
  CHECK(result_of(*store, 1) == kLarge);
}

TEST_CASE("while somebody copies results none of their files goes or changes") {
  const TempDirectory directory;
  const auto store = open(directory);
  commit(*store, {insert(1), succeed(1, kLarge)});
  store->hold_results();
  commit(*store, {remove(1)});
  tidy(*store);
  CHECK(read_file(file_of(directory, 1)) == kLarge);
  const std::string other(50'000, 'o');
  commit(*store, {insert(1), succeed(1, other)});
  CHECK(read_file(file_of(directory, 1)) == kLarge);
  CHECK(result_of(*store, 1) == other);
  store->release_results();
  tidy(*store);
  CHECK(files_in(directory) == 0);
  CHECK(result_of(*store, 1) == other);
}

TEST_CASE("a result whose file is gone, or not whole, is told with what to do, and the store goes on") {
  const TempDirectory directory;
  const auto store = open(directory);
  commit(*store,
         {insert(1), insert(2), insert(3), succeed(1, kLarge), succeed(2, kLarge), succeed(3, kLarge)});
  fs::remove(file_of(directory, 1));
  fs::resize_file(file_of(directory, 2), 10);
  const auto gone = store->load_result(job_id(1));
  REQUIRE_FALSE(gone.ok());
  CHECK(gone.problem().code == "lost");
  CHECK(gone.problem().message == "the result is lost: its file " + file_of(directory, 1).string() +
                                      " cannot be opened: No such file or directory; put the file back from "
                                      "a backup, or run the job again");
  const auto cut = store->load_result(job_id(2));
  REQUIRE_FALSE(cut.ok());
  CHECK(cut.problem().message ==
        "the result is lost: its file " + file_of(directory, 2).string() +
            " has 10 bytes, expected 100000; put the file back from a backup, or run the job again");
  CHECK(result_of(*store, 3) == kLarge);
  commit(*store, {remove(1), remove(2)});
  tidy(*store);
  CHECK(files_in(directory) == 1);
}

}  // namespace
}  // namespace promised::test
