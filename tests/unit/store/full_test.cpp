// SPDX-License-Identifier: Apache-2.0
// A full disk: the store undoes what it had begun, still reads, and takes the same batch when there is space.
#include <doctest/doctest.h>

#include "daemon/store/sqlite.hpp"
#include "tests/support/fault_vfs.hpp"
#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

using File = FaultVfs::File;
using Call = FaultVfs::Call;
using Fault = FaultVfs::Fault;

/// Applies numbered batches from `next` on until one fails, whose Problem is returned, or there are `most`.
std::optional<Problem> apply_until_full(Store& store, std::uint64_t& next, std::uint64_t most,
                                        std::size_t size) {
  for (; next < most; ++next) {
    if (const auto done = store.apply(numbered_batch(next, size)); !done) return done.problem();
  }
  return std::nullopt;
}

void expect_batches(Store& store, std::uint64_t count) {
  const auto batches = whole_batches(contents_of(store));
  REQUIRE(batches.has_value());
  CHECK(*batches == count);
}

/// Fails one batch, finds that nothing of it is there, and goes on where it was.
void expect_to_survive(FaultVfs& vfs, File file, std::uint64_t n, Fault fault, std::size_t size) {
  const TempDirectory directory;
  std::uint64_t next = 0;
  constexpr std::uint64_t kMost = 60;
  {
    const auto store = open_store(directory.path());
    vfs.fail(file, Call::write, n, fault);
    const auto problem = apply_until_full(*store, next, kMost, size);
    REQUIRE(vfs.has_failed());
    REQUIRE(problem.has_value());
    CAPTURE(problem->message);
    CHECK(problem->code == kDiskFull);
    CHECK(problem->message.ends_with("; what was accepted before is safe: free space there"));
    expect_batches(*store, next);
    const auto again = store->apply(numbered_batch(next, size));  // it is still full
    REQUIRE_FALSE(again.ok());
    CHECK(again.problem().code == kDiskFull);
    expect_batches(*store, next);
    vfs.heal();
    CHECK_FALSE(apply_until_full(*store, next, kMost, size).has_value());
    expect_batches(*store, kMost);
  }
  const auto batches = whole_batches(contents_of(directory.path()));
  REQUIRE(batches.has_value());
  CHECK(*batches == kMost);
}

TEST_CASE("a full disk undoes the batch, and the same batch is written when there is space") {
  FaultVfs vfs;
  for (const Fault fault : {Fault::full, Fault::quota}) {
    for (std::uint64_t n = 1; n <= 25; n += 1 + n / 8) {
      CAPTURE(n);
      expect_to_survive(vfs, File::log, n, fault, 64);
    }
  }
}

TEST_CASE("a disk that is full in the middle of copying the log into the database loses nothing") {
  FaultVfs vfs;
  for (const std::uint64_t n : {1, 7, 2000}) {
    CAPTURE(n);
    expect_to_survive(vfs, File::database, n, Fault::full, 300'000);
  }
}

TEST_CASE("a batch that is too large for memory, and of which a part was in the log, is undone as well") {
  FaultVfs vfs;
  const TempDirectory directory;
  const auto store = open_store(directory.path());
  commit(*store, {insert(1), succeed(1, "kept")});
  std::vector<Change> batch;
  for (std::uint64_t n = 10; n < 50; ++n) batch.emplace_back(insert(n, std::string(1'000'000, 'x')));
  vfs.fail(File::log, Call::write, 6000, Fault::full);
  const auto done = store->apply(batch);
  REQUIRE(vfs.has_failed());
  REQUIRE_FALSE(done.ok());
  CHECK(done.problem().code == kDiskFull);
  CHECK(contents_of(*store).jobs.size() == 1);
  CHECK(store->load_result(job_id(1))->value().view() == "kept");
  vfs.heal();
  REQUIRE(store->apply(batch).ok());
  CHECK(contents_of(*store).jobs.size() == 41);
}

TEST_CASE("what a full disk does not let the idle store do is done when there is space") {
  FaultVfs vfs;
  const TempDirectory directory;
  const auto store = open_store(directory.path());
  commit(*store, {insert(1, std::string(6'000'000, 'x'))});
  vfs.fail(File::database, Call::write, 2, Fault::full);
  const auto tidied = store->tidy();
  REQUIRE_FALSE(tidied.ok());
  CHECK(tidied.problem().code == kDiskFull);
  vfs.heal();
  const auto more = store->tidy();
  REQUIRE(more.ok());
  CHECK(*more);  // the log is copied, which was the first step
  CHECK(contents_of(*store).jobs.size() == 1);
}

TEST_CASE("a sync that fails is never repeated, also where it fails of a quota") {
  FaultVfs vfs;
  const TempDirectory directory;
  const auto store = open_store(directory.path());
  commit(*store, {insert(1)});
  vfs.fail(File::log, Call::sync, 1, Fault::quota);
  const auto done = store->apply(std::vector<Change>{insert(2)});
  REQUIRE_FALSE(done.ok());
  CHECK(done.problem().code == "system");
  vfs.heal();
  CHECK_FALSE(store->apply(std::vector<Change>{insert(3)}).ok());
}

TEST_CASE("a power cut on a full disk loses nothing that was reported") {
  std::mt19937_64 random(20260730);
  FaultVfs vfs;
  const TempDirectory directory;
  std::uint64_t next = 0;
  for (int cut = 0; cut < 20; ++cut) {
    CAPTURE(cut);
    {
      const auto store = open_store(directory.path());
      const bool in_checkpoint = cut % 5 == 4;
      vfs.fail(in_checkpoint ? File::database : File::log, Call::write, 1 + random() % 60, Fault::full);
      REQUIRE(apply_until_full(*store, next, next + 100, in_checkpoint ? 200'000 : 100).has_value());
      vfs.cut_power();
    }
    vfs.heal();
    vfs.lose_unsynced(random);
    const auto batches = whole_batches(contents_of(directory.path()));
    REQUIRE(batches.has_value());
    CHECK(*batches == next);
  }
}

}  // namespace
}  // namespace promised::test
