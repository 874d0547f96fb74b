// SPDX-License-Identifier: Apache-2.0
// What is synced besides SQLite's own writes: that a file is there at all, and a log that a failed sync may
// have left in the kernel's memory alone.
#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

std::mutex synced_mutex;
std::vector<std::string> synced;

/// The paths of the files that fsync(2) was called for while `f` ran, in order.
std::vector<std::string> synced_during(const std::function<void()>& f) {
  const auto take = [] {
    const std::lock_guard lock(synced_mutex);
    return std::exchange(synced, {});
  };
  take();
  f();
  return take();
}

bool contains(const std::vector<std::string>& paths, const std::filesystem::path& path) {
  return std::find(paths.begin(), paths.end(), path.string()) != paths.end();
}

TEST_CASE("a new state directory and a new database are durable before anything is accepted") {
  const TempDirectory directory;
  const auto state = directory / "state";
  const auto paths = synced_during([&] { static_cast<void>(open_store(state)); });
  CHECK(contains(paths, directory.path()));           // where the state directory's entry is
  CHECK(contains(paths, state / "promised.db.new"));  // the database before it gets its name
  CHECK(contains(paths, state));                      // its name
}

TEST_CASE("a log that a killed daemon left is made durable before it is believed") {
  const TempDirectory killed;
  const TempDirectory directory;
  const auto store = open_store(killed.path());
  commit(*store, numbered_batch(0));
  for (const char* name : {"promised.db", "promised.db-wal"}) {
    std::filesystem::copy_file(killed / name, directory / name);
  }
  const std::string log = read_file(directory / "promised.db-wal");
  std::unique_ptr<Store> recovered;
  const auto paths = synced_during([&] { recovered = open_store(directory.path()); });
  CHECK(contains(paths, directory / "promised.db-wal"));
  CHECK(read_file(directory / "promised.db-wal") == log);
  CHECK(whole_batches(contents_of(*recovered)) == 1);
}

TEST_CASE("a start after a clean shutdown syncs nothing") {
  const TempDirectory directory;
  commit(*open_store(directory.path()), {insert(1)});
  CHECK(synced_during([&] { static_cast<void>(open_store(directory.path())); }).empty());
}

}  // namespace
}  // namespace promised::test

// Stands before the C library's in this program. SQLite uses fdatasync(2), which is not meant here.
extern "C" __attribute__((visibility("default"))) int fsync(int file) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t size = ::readlink(link.c_str(), path, sizeof path);
  if (size > 0) {
    const std::lock_guard lock(promised::test::synced_mutex);
    promised::test::synced.emplace_back(path, static_cast<std::size_t>(size));
  }
  return static_cast<int>(::syscall(SYS_fsync, file));
}
