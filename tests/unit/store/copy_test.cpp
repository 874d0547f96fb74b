// SPDX-License-Identifier: Apache-2.0
// A copy of the database while it is in use: what it has in the end, and that whatever happens to it does the
// database no harm.
#include <doctest/doctest.h>

#include "daemon/store/database_copy.hpp"
#include "tests/support/fault_vfs.hpp"
#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

using File = FaultVfs::File;
using Call = FaultVfs::Call;

/// A store with a few hundred pages, and a place for a copy that can be opened as a store of its own.
struct Original {
  Original() {
    commit(*store, numbered_batches(batches));
    std::filesystem::create_directory(directory / "copy");
    write_file(copy_path(), "");
  }
  [[nodiscard]] std::string copy_path() const { return directory / "copy" / "promised.db"; }
  void commit_more() { commit(*store, numbered_batch(batches++, 4000)); }

  TempDirectory directory;
  std::uint64_t batches = 1000;
  std::unique_ptr<Store> store = open_store(directory / "store");
};

TEST_CASE("a copy has everything that was committed before its last step, whole") {
  for (const int pages : {1, 7, 64}) {
    CAPTURE(pages);
    Original original;
    auto copy = original.store->copy_to(original.copy_path());
    REQUIRE(copy.ok());
    int steps = 0;
    for (bool more = true; more; ++steps) {
      original.commit_more();
      const auto step = copy->step(pages);
      REQUIRE(step.ok());
      more = *step;
      REQUIRE(steps < 2000);
    }
    CHECK(copy->copied() == copy->pages());
    const std::uint64_t committed = original.batches;
    original.commit_more();
    const Contents contents = contents_of(original.directory / "copy");
    CHECK(whole_batches(contents) == committed);
    CHECK(whole_batches(contents_of(*original.store)) == original.batches);
  }
}

TEST_CASE("a copy follows a database that becomes shorter, and whose log is copied into it") {
  Original original;
  std::vector<Change> bulky, removed;
  for (std::uint64_t n = 1'000'000; n < 1'006'000; ++n) {
    bulky.emplace_back(insert(n, std::string(4096, 'x')));
    removed.emplace_back(remove(n));
  }
  commit(*original.store, bulky);
  auto copy = original.store->copy_to(original.copy_path());
  REQUIRE(copy.ok());
  REQUIRE(copy->step(3000).value());
  commit(*original.store, removed);
  while (original.store->tidy().value()) {
  }
  while (copy->step(10).value()) original.commit_more();
  CHECK(whole_batches(contents_of(original.directory / "copy")) == original.batches);
  CHECK(std::filesystem::file_size(original.copy_path()) < 6000 * 4096);
}

TEST_CASE("a copy whose disk is full or fails at any write is given up, and the database goes on whole") {
  using Fault = FaultVfs::Fault;
  FaultVfs vfs;
  std::uint64_t given_up = 0;
  for (const Fault fault : {Fault::full, Fault::io, Fault::part_only}) {
    for (std::uint64_t n = 1; n < 64; n = n * 2 + 1) {
      CAPTURE(n);
      Original original;
      vfs.fail(File::database, Call::write, n, fault, "/copy/");
      {
        auto copy = original.store->copy_to(original.copy_path());
        REQUIRE(copy.ok());
        for (;;) {
          original.commit_more();
          const auto step = copy->step(16);
          if (step.ok() && *step) continue;
          if (!step.ok()) {
            ++given_up;
            CHECK(step.problem().code == "store");
            CHECK(step.problem().message.starts_with("cannot write the copy " + original.copy_path() + ": "));
          }
          break;
        }
      }
      vfs.heal();
      original.commit_more();
      CHECK(whole_batches(contents_of(*original.store)) == original.batches);
      original.store.reset();
      CHECK(whole_batches(contents_of(original.directory / "store")) == original.batches);
    }
  }
  CHECK(given_up == 18);
}

TEST_CASE("a copy that is given up half-way leaves the database as it is") {
  Original original;
  {
    auto copy = original.store->copy_to(original.copy_path());
    REQUIRE(copy.ok());
    REQUIRE(copy->step(10).value());
    original.commit_more();
  }
  original.commit_more();
  CHECK(whole_batches(contents_of(*original.store)) == original.batches);
}

TEST_CASE("a place where no copy can be made is named") {
  Original original;
  std::filesystem::remove(original.copy_path());
  const auto copy = original.store->copy_to(original.copy_path());
  REQUIRE_FALSE(copy.ok());
  CHECK(copy.problem().message.find(original.copy_path()) != std::string::npos);
  CHECK(whole_batches(contents_of(*original.store)) == original.batches);
}

}  // namespace
}  // namespace promised::test
