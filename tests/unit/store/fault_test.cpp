// SPDX-License-Identifier: Apache-2.0
// DESIGN 2.8: after a failed write or sync nothing more is accepted, and what was accepted is there.
#include <doctest/doctest.h>

#include <map>

#include "daemon/store/sqlite.hpp"
#include "tests/support/fault_vfs.hpp"
#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

using File = FaultVfs::File;
using Call = FaultVfs::Call;
using Fault = FaultVfs::Fault;

struct Case {
  std::string what;
  File file;
  Call call;
  Fault fault;
  std::string expected;
};

const Case kLogCases[] = {
    {"a write of the log fails", File::log, Call::write, Fault::io, "disk I/O error (SQLite code 778"},
    {"a write of the log is cut off", File::log, Call::write, Fault::part_only,
     "disk I/O error (SQLite code 778"},
    {"a sync of the log fails", File::log, Call::sync, Fault::io, "disk I/O error (SQLite code 1034"},
};

/// Applies numbered batches from `first` on until one fails or `most` are written; how many were written.
std::uint64_t apply_until_fault(Store& store, std::uint64_t first, std::uint64_t most, std::size_t size,
                                Problem& problem) {
  for (std::uint64_t n = 0; n < most; ++n) {
    if (const auto done = store.apply(numbered_batch(first + n, size)); !done) {
      problem = done.problem();
      return n;
    }
  }
  return most;
}

void expect_refusal_of_everything(Store& store, const Problem& first) {
  const auto again = store.apply(std::vector<Change>{insert(999'999)});
  REQUIRE_FALSE(again.ok());
  CHECK(again.problem().message == first.message);
  const auto result = store.load_result(job_id(0));
  REQUIRE_FALSE(result.ok());
  CHECK(result.problem().message == first.message);
  const auto replayed = store.replay([](RecoveredJob) {}, [](RecoveredName) {});
  REQUIRE_FALSE(replayed.ok());
  CHECK(replayed.problem().message == first.message);
  const auto tidied = store.tidy();
  REQUIRE_FALSE(tidied.ok());
  CHECK(tidied.problem().message == first.message);
}

void expect_batches(const std::filesystem::path& directory, std::uint64_t reported) {
  const auto batches = whole_batches(contents_of(directory));
  REQUIRE(batches.has_value());
  CHECK(*batches >= reported);
  CHECK(*batches <= reported + 1);
}

TEST_CASE(
    "a failed write or sync of the log loses nothing that was reported, and nothing is accepted after it") {
  FaultVfs vfs;
  for (const Case& c : kLogCases) {
    for (std::uint64_t n = 1; n <= 25; n += 1 + n / 8) {
      CAPTURE(c.what);
      CAPTURE(n);
      const TempDirectory directory;
      Problem problem;
      std::uint64_t written = 0;
      {
        const auto store = open_store(directory.path());
        vfs.fail(c.file, c.call, n, c.fault);
        written = apply_until_fault(*store, 0, 100, 64, problem);
        REQUIRE(vfs.has_failed());
        REQUIRE(written < 100);
        CAPTURE(problem.message);
        CHECK(problem.code == "system");
        CHECK(problem.message.find("cannot write to " + (directory / "promised.db").string()) == 0);
        CHECK(problem.message.find(c.expected) != std::string::npos);
        vfs.heal();  // that the disk is well again must not matter
        expect_refusal_of_everything(*store, problem);
      }
      expect_batches(directory.path(), written);
    }
  }
}

TEST_CASE("a database that is removed or replaced while it is in use takes nothing more") {
  TempDirectory directory;
  auto store = open_store(directory.path());
  REQUIRE(store->apply(std::vector<Change>{insert(1)}).ok());
  const auto path = directory.path() / "promised.db";
  std::string expected = "promised.db has been removed";
  std::filesystem::rename(path, directory.path() / "elsewhere");
  SUBCASE("removed") {}
  SUBCASE("replaced") {
    std::filesystem::copy_file(directory.path() / "elsewhere", path);
    expected = "promised.db has been replaced by another file";
  }
  const auto done = store->apply(std::vector<Change>{insert(2)});
  REQUIRE_FALSE(done.ok());
  CHECK(done.problem().message.find(expected) != std::string::npos);
  expect_refusal_of_everything(*store, done.problem());
}

TEST_CASE("the Problem of a failed write says what is safe and what to do") {
  FaultVfs vfs;
  const TempDirectory directory;
  const auto store = open_store(directory.path());
  vfs.fail(File::log, Call::write, 1, Fault::io);
  Problem problem;
  CHECK(apply_until_fault(*store, 0, 1, 64, problem) == 0);
  CHECK(problem.message.find("what was accepted before is safe") != std::string::npos);
  CHECK(problem.message.find("see the kernel's log for what the disk has") != std::string::npos);
}

TEST_CASE("a failure while the log is copied into the database loses nothing and is not passed over") {
  FaultVfs vfs;
  const std::map<std::string, std::pair<Call, std::uint64_t>> cases{
      {"first write", {Call::write, 1}},
      {"write in the middle", {Call::write, 2000}},
      {"sync", {Call::sync, 1}}};
  for (const auto& [what, when] : cases) {
    CAPTURE(what);
    const TempDirectory directory;
    std::uint64_t written = 0;
    {
      const auto store = open_store(directory.path());
      vfs.fail(File::database, when.first, when.second, Fault::io);
      Problem problem;
      written = apply_until_fault(*store, 0, 100, 300'000, problem);
      REQUIRE(vfs.has_failed());
      REQUIRE(written < 100);
      CAPTURE(problem.message);
      CHECK(problem.message.find("cannot copy the log into " + (directory / "promised.db").string()) == 0);
      vfs.heal();
      expect_refusal_of_everything(*store, problem);
    }
    const auto batches = whole_batches(contents_of(directory.path()));
    REQUIRE(batches.has_value());
    CHECK(*batches == written);
  }
}

TEST_CASE("a database that cannot be made whole is not there, and the next start makes it") {
  FaultVfs vfs;
  for (const Call call : {Call::write, Call::sync}) {
    for (std::uint64_t n = 1; n <= 3; ++n) {
      CAPTURE(n);
      const TempDirectory directory;
      vfs.fail(File::database, call, n, Fault::full);
      const auto failed = Store::open(directory.path());
      if (!vfs.has_failed()) continue;
      REQUIRE_FALSE(failed.ok());
      CHECK(failed.problem().code == kDiskFull);
      CHECK_FALSE(std::filesystem::exists(directory / "promised.db"));
      vfs.heal();
      CHECK(contents_of(directory.path()).jobs.empty());
    }
  }
}

TEST_CASE(
    "a power cut at any moment loses nothing that was reported, whatever of the rest reached the disk") {
  std::mt19937_64 random(20260729);
  FaultVfs vfs;
  const TempDirectory directory;
  std::uint64_t there = 0;
  for (int cut = 0; cut < 40; ++cut) {
    CAPTURE(cut);
    Problem problem;
    std::uint64_t written = 0;
    {
      const auto store = open_store(directory.path());
      // Every fifth time in a copy of the log into the database.
      const bool in_checkpoint = cut % 5 == 4;
      const std::uint64_t writes = in_checkpoint ? 1 + random() % 150 : 1 + random() % 60;
      vfs.fail(in_checkpoint ? File::database : File::log, Call::write, writes, Fault::part_only);
      written = apply_until_fault(*store, there, 100, in_checkpoint ? 200'000 : 100, problem);
      REQUIRE(vfs.has_failed());
      vfs.cut_power();
    }
    vfs.heal();
    vfs.lose_unsynced(random);
    const auto batches = whole_batches(contents_of(directory.path()));
    REQUIRE(batches.has_value());
    CHECK(*batches >= there + written);
    CHECK(*batches <= there + written + 1);
    there = *batches;
  }
}

}  // namespace
}  // namespace promised::test
