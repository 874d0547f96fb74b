// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/state_directory.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

mode_t mode_of(const std::filesystem::path& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 07777;
}

bool says(const Problem& problem, const std::string& part) {
  const bool found = problem.message.find(part) != std::string::npos;
  if (!found) MESSAGE("\"" << problem.message << "\" does not say \"" << part << "\"");
  return found;
}

/// A child that holds the store in `directory` until it is killed.
pid_t start_holder(const std::filesystem::path& directory) {
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto store = Store::open(directory);
    const char answer = store.ok() ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  ::close(ready[1]);
  char answer = 0;
  CHECK(::read(ready[0], &answer, 1) == 1);
  CHECK(answer == 'y');
  ::close(ready[0]);
  return child;
}

TEST_CASE("the state directory is made, with its parents, for the daemon alone") {
  const TempDirectory directory;
  const auto state = directory / "several/folders/deep";
  static_cast<void>(open_store(state));
  CHECK(mode_of(state) == 0700);
  CHECK(mode_of(state / "promised.db") == 0600);
  CHECK(mode_of(state / "lock") == 0600);
}

TEST_CASE("a state directory and a database that others could read are made private") {
  const TempDirectory directory;
  static_cast<void>(open_store(directory.path()));
  ::chmod(directory.path().c_str(), 0755);
  ::chmod((directory / "promised.db").c_str(), 0644);
  const auto store = open_store(directory.path());
  commit(*store, {insert(1)});
  CHECK(mode_of(directory.path()) == 0700);
  CHECK(mode_of(directory / "promised.db") == 0600);
  CHECK(mode_of(directory / "promised.db-wal") == 0600);
}

TEST_CASE("E4 a state directory that a living daemon holds is refused, naming the daemon") {
  const TempDirectory directory;
  const pid_t holder = start_holder(directory.path());
  const auto second = Store::open(directory.path());
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  REQUIRE_FALSE(second.ok());
  CHECK(second.problem().code == "locked");
  CHECK(says(second.problem(), "process " + std::to_string(holder) + ","));
  CHECK(says(second.problem(), directory.path().string()));
}

TEST_CASE("E4 the lock of a killed daemon is free at once") {
  const TempDirectory directory;
  const pid_t holder = start_holder(directory.path());
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  CHECK(Store::open(directory.path()).ok());
}

TEST_CASE("E4 one process cannot open a state directory twice, but again after closing it") {
  const TempDirectory directory;
  auto first = open_store(directory.path());
  const auto second = Store::open(directory.path());
  REQUIRE_FALSE(second.ok());
  CHECK(says(second.problem(), "process " + std::to_string(::getpid()) + ","));
  first.reset();
  CHECK(Store::open(directory.path()).ok());
}

TEST_CASE("a state directory of somebody else is refused") {
  const TempDirectory directory;
  std::filesystem::path foreign = "/usr";  // root's
  std::string owner = "uid 0";
  if (::geteuid() == 0) {
    foreign = directory.path();
    owner = "uid 4711";
    REQUIRE(::chown(foreign.c_str(), 4711, static_cast<gid_t>(-1)) == 0);
  }
  const auto store = Store::open(foreign);
  REQUIRE_FALSE(store.ok());
  CHECK(store.problem().code == "system");
  CHECK(says(store.problem(), foreign.string() + " belongs to " + owner));
  CHECK(says(store.problem(), "expected uid " + std::to_string(::geteuid())));
}

TEST_CASE("a state directory that cannot be made is refused, saying where and why") {
  const TempDirectory directory;
  write_file(directory / "file", "");
  const auto below_a_file = Store::open(directory / "file/state");
  REQUIRE_FALSE(below_a_file.ok());
  CHECK(below_a_file.problem().code == "system");
  CHECK(says(below_a_file.problem(), (directory / "file").string()));
  CHECK(says(below_a_file.problem(), "must own the state directory"));
  const auto a_file = Store::open(directory / "file");
  REQUIRE_FALSE(a_file.ok());
  CHECK(says(a_file.problem(), "Not a directory"));
}

TEST_CASE("a state directory where nothing can be written is refused") {
  const auto store = Store::open("/proc/self");
  REQUIRE_FALSE(store.ok());
  CHECK(store.problem().code == "system");
  CHECK(says(store.problem(), "/proc/self"));
}

TEST_CASE("a lock that is a symbolic link is not followed") {
  const TempDirectory directory;
  std::filesystem::create_symlink("elsewhere", directory / "lock");
  const auto store = Store::open(directory.path());
  REQUIRE_FALSE(store.ok());
  CHECK(says(store.problem(), (directory / "lock").string()));
  CHECK_FALSE(std::filesystem::exists(directory / "elsewhere"));
}

}  // namespace
}  // namespace promised::test
