// SPDX-License-Identifier: Apache-2.0
// Cgroups on a tree of ordinary files, which this test fills as the kernel would. What only a kernel can do
// is scripts/test-cgroups' business.
#include "daemon/spawner/cgroup.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/temp_directory.hpp"

using namespace promised;
using namespace promised::test;
using Path = std::filesystem::path;

namespace {

constexpr WorkerId kWorker{7};

class FakeFolders : public CgroupFolders {
 public:
  Result<void> make(const Path& group) override {
    std::filesystem::create_directory(group);
    fill(group);
    return {};
  }
  Result<Removed> remove(const Path& group) override {
    if (refusal) return *refusal;
    if (!std::filesystem::exists(group)) return Removed::gone;
    if (busy || (has_processes(group) && read_file(group / "cgroup.kill") != "1")) return Removed::in_use;
    std::filesystem::remove_all(group);
    return Removed::gone;
  }
  [[nodiscard]] std::chrono::milliseconds patience() const override { return std::chrono::milliseconds(20); }
  void fill(const Path& group) const {
    for (const char* file : {"cgroup.procs", "cgroup.subtree_control", "cgroup.kill", "memory.max",
                             "memory.oom.group", "pids.max"}) {
      if (file != missing) write_file(group / file, "");
    }
    write_file(group / "cgroup.controllers", controllers);
    write_file(group / "memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 0\noom_group_kill 0\n");
  }

  std::string controllers = "cpuset cpu io memory hugetlb pids\n";
  std::string missing;
  bool busy = false;
  std::optional<Problem> refusal;

 private:
  // Each worker is in its group; in the one of them all is who cgroup.procs tells of.
  static bool has_processes(const Path& group) {
    if (group.filename() != "workers" || !read_file(group / "cgroup.procs").empty()) return true;
    const std::filesystem::directory_iterator inner(group);
    return std::any_of(begin(inner), end(inner), [](const auto& entry) { return entry.is_directory(); });
  }
};

struct Tree {
  Tree() { folders.fill(root()); }
  [[nodiscard]] Path root() const { return directory.path(); }
  [[nodiscard]] std::string at(const std::string& file) const { return read_file(root() / file); }
  Result<Cgroups> take() { return Cgroups::take(root(), {11, 12}, folders); }

  TempDirectory directory;
  FakeFolders folders;
};

/// The exit status that `f` returns in a process that is not root.
int in_child_of_nobody(const std::function<int()>& f) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    const bool is_nobody = ::geteuid() != 0 || ::setresuid(kNobody, kNobody, kNobody) == 0;
    ::_exit(is_nobody ? f() : 99);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

/// Removes the group, however many steps it takes.
CgroupFolders::Removed remove_all_of(const Path& group) {
  CgroupFolders folders;
  for (;;) {
    const auto removed = folders.remove(group);
    REQUIRE(removed.ok());
    if (*removed != CgroupFolders::Removed::in_part) return *removed;
  }
}

void start_in(Cgroups& groups, WorkerId worker) {
  auto made = groups.make(worker, {});
  REQUIRE(made.ok());
  made->keep();
}

}  // namespace

TEST_CASE(
    "I3 a subtree that is the daemon's alone is taken: a leaf for itself, controllers for its workers") {
  Tree tree;
  write_file(tree.root() / "cgroup.procs", "11\n12\n");
  const auto taken = tree.take();
  REQUIRE_MESSAGE(taken.ok(), taken.problem().message);
  // A write to such a file is an order; an ordinary file shows them one over the other.
  CHECK(tree.at("daemon/cgroup.procs") == "12");
  CHECK(tree.at("cgroup.subtree_control").starts_with("+pids"));
  CHECK(tree.at("workers/cgroup.subtree_control").starts_with("+pids"));
}

TEST_CASE("I3 a group with a stranger in it is left as it is, and the reason told") {
  Tree tree;
  write_file(tree.root() / "cgroup.procs", "11\n12\n4711\n");
  const auto taken = tree.take();
  REQUIRE_FALSE(taken.ok());
  CHECK(taken.problem().code == "no_cgroup");
  CHECK(taken.problem().message ==
        tree.root().string() + " is not the daemon's alone: process 4711 is in it too");
  CHECK_FALSE(std::filesystem::exists(tree.root() / "daemon"));
  CHECK(tree.at("cgroup.subtree_control").empty());
}

TEST_CASE("I3 I4 without a controller a group still holds its worker, and keeps no limit of that kind") {
  struct Machine {
    const char* controllers;
    bool memory;
    bool pids;
  };
  for (const Machine& machine :
       {Machine{"cpu memory\n", true, false}, {"cpu pids\n", false, true}, {"hugetlb\n", false, false}}) {
    CAPTURE(machine.controllers);
    Tree tree;
    tree.folders.controllers = machine.controllers;
    tree.folders.fill(tree.root());
    write_file(tree.root() / "cgroup.procs", "11\n12\n");
    auto taken = tree.take();
    REQUIRE_MESSAGE(taken.ok(), taken.problem().message);
    CHECK(taken->controllers().memory == machine.memory);
    CHECK(taken->controllers().pids == machine.pids);
    CHECK_FALSE(taken->controllers().all());
    CHECK((tree.at("cgroup.subtree_control").find("memory") != std::string::npos) ==
          (machine.memory && !machine.pids));
    auto made = taken->make(kWorker, {4096, 8});
    REQUIRE(made.ok());
    CHECK(made->file().valid());
    CHECK(tree.at("workers/7/memory.max") == (machine.memory ? "4096" : ""));
    CHECK(tree.at("workers/7/pids.max") == (machine.pids ? "8" : ""));
  }
}

TEST_CASE("I3 what was begun is undone where it cannot be finished") {
  Tree tree;
  tree.folders.missing = "cgroup.subtree_control";  // of the groups below
  const auto taken = tree.take();
  REQUIRE_FALSE(taken.ok());
  CHECK(taken.problem().code == "no_cgroup");
  CHECK(taken.problem().message == "write +memory to " + tree.root().string() +
                                       "/workers/cgroup.subtree_control: No such file or directory");
  CHECK(tree.at("cgroup.procs") == "12");
  CHECK(tree.at("cgroup.subtree_control").starts_with("-pids"));
}

TEST_CASE("I4 what an earlier daemon left in its groups is killed, and the groups go") {
  Tree tree;
  std::filesystem::create_directories(tree.root() / "workers" / "3");
  tree.folders.fill(tree.root() / "workers");
  tree.folders.fill(tree.root() / "workers" / "3");
  REQUIRE(tree.take().ok());
  CHECK_FALSE(std::filesystem::exists(tree.root() / "workers" / "3"));
}

TEST_CASE("I4 what an earlier daemon left beside its workers' groups is killed too") {
  Tree tree;
  std::filesystem::create_directory(tree.root() / "workers");
  tree.folders.fill(tree.root() / "workers");
  write_file(tree.root() / "workers" / "cgroup.procs", "4711\n");
  REQUIRE(tree.take().ok());
  CHECK(tree.at("workers/cgroup.procs").empty());
}

TEST_CASE("I4 groups that do not go, though all in them was killed, are not taken, and the reason is told") {
  Tree tree;
  std::filesystem::create_directories(tree.root() / "workers" / "3");
  tree.folders.fill(tree.root() / "workers");
  tree.folders.busy = true;
  const auto taken = tree.take();
  REQUIRE_FALSE(taken.ok());
  CHECK(taken.problem().code == "no_cgroup");
  CHECK(taken.problem().message ==
        tree.root().string() + "/workers: its processes were killed, and it is still in use");
  CHECK(tree.at("workers/cgroup.kill") == "1");
}

TEST_CASE("I4 what an earlier daemon left is found in every group that can be looked into") {
  const TempDirectory directory;
  directory.open_to_everyone();
  const Path workers = directory / "workers";
  std::filesystem::create_directories(workers / "1" / "a");
  std::filesystem::create_directories(workers / "2");
  std::filesystem::create_directory(workers / "3");
  write_file(workers / "cgroup.procs", "11\n12\n");
  write_file(workers / "1" / "a" / "cgroup.procs", "13\n");
  write_file(workers / "3" / "cgroup.procs", "14\n");
  CHECK_FALSE(Cgroups::left_in(directory.path()).unread);
  for (const auto& [closed, most] : {std::pair{"1/a", 3U}, {"2", 4U}, {"3/cgroup.procs", 3U}}) {
    CAPTURE(closed);
    REQUIRE(::chmod((workers / closed).c_str(), 0) == 0);
    CHECK(in_child_of_nobody([&, path = workers / closed, count = most] {
            const Cgroups::Left left = Cgroups::left_in(directory.path());
            const std::string reason = "read " + path.string() + ": Permission denied";
            return left.processes.size() == count && left.unread && left.unread->message == reason ? 0 : 1;
          }) == 0);
    REQUIRE(::chmod((workers / closed).c_str(), 0755) == 0);
  }
  CHECK(Cgroups::left_in(directory / "nowhere").processes.empty());
}

TEST_CASE("I3 a worker's group has its limits before the worker is in it") {
  Tree tree;
  auto taken = tree.take();
  REQUIRE(taken.ok());
  auto made = taken->make(kWorker, {64 << 20, 12});
  REQUIRE_MESSAGE(made.ok(), made.problem().message);
  CHECK(tree.at("workers/7/memory.max") == std::to_string(64 << 20));
  CHECK(tree.at("workers/7/memory.oom.group") == "1");
  CHECK(tree.at("workers/7/pids.max") == "12");
  REQUIRE(::write(made->file().get(), "0", 1) == 1);
  CHECK(tree.at("workers/7/cgroup.procs") == "0");
  const auto without = taken->make(WorkerId{8}, {});
  REQUIRE(without.ok());
  CHECK(tree.at("workers/8/memory.max").empty());
  CHECK(tree.at("workers/8/pids.max").empty());
}

TEST_CASE("I3 a limit that cannot be set is a problem, not a worker without it") {
  Tree tree;
  auto taken = tree.take();
  REQUIRE(taken.ok());
  tree.folders.missing = "memory.max";
  const auto file = taken->make(kWorker, {64 << 20, 0});
  REQUIRE_FALSE(file.ok());
  CHECK(file.problem().message ==
        "write 67108864 to " + tree.root().string() + "/workers/7/memory.max: No such file or directory");
  CHECK(taken->tidy().problems.empty());
  CHECK_FALSE(std::filesystem::exists(tree.root() / "workers/7"));
}

TEST_CASE("I4 a group that no worker has come into goes again") {
  Tree tree;
  auto taken = tree.take();
  REQUIRE(taken.ok());
  {
    auto made = taken->make(kWorker, {});
    REQUIRE(made.ok());
    const NewCgroup moved = std::move(*made);
    CHECK(tree.at("workers/7/cgroup.kill").empty());
  }
  CHECK(taken->tidy().problems.empty());
  CHECK_FALSE(std::filesystem::exists(tree.root() / "workers/7"));
  REQUIRE(taken->make(WorkerId{8}, {}).ok());  // and is not there for anybody
  CHECK(taken->tidy().problems.empty());
  CHECK_FALSE(std::filesystem::exists(tree.root() / "workers/8"));
}

TEST_CASE("I3 how many the kernel killed for want of memory is read from the worker's group") {
  Tree tree;
  auto taken = tree.take();
  REQUIRE(taken.ok());
  CHECK(taken->memory_kills(kWorker) == 0);
  start_in(*taken, kWorker);
  CHECK(taken->memory_kills(kWorker) == 0);
  write_file(tree.root() / "workers/7/memory.events", "oom 1\noom_kill 2\noom_group_kill 1\n");
  CHECK(taken->memory_kills(kWorker) == 2);
}

TEST_CASE("I4 an ended worker's group is killed at once, and goes when it is empty") {
  Tree tree;
  auto taken = tree.take();
  REQUIRE(taken.ok());
  start_in(*taken, kWorker);
  tree.folders.busy = true;
  taken->end(kWorker);
  CHECK(tree.at("workers/7/cgroup.kill") == "1");
  CHECK(taken->tidy().problems.empty());
  CHECK(std::filesystem::exists(tree.root() / "workers/7"));
  tree.folders.busy = false;
  CHECK(taken->tidy().problems.empty());
  CHECK_FALSE(std::filesystem::exists(tree.root() / "workers/7"));
}

TEST_CASE("I4 a worker's group goes with the groups that a job has made in it, the innermost first") {
  const TempDirectory directory;
  CgroupFolders folders;
  const Path group = directory / "7";
  std::filesystem::create_directories(group / "a" / "b" / "c");
  std::filesystem::create_directories(group / "d");
  write_file(group / "a" / "b" / "in use", "");
  auto removed = folders.remove(group);
  REQUIRE(removed.ok());
  CHECK(*removed == CgroupFolders::Removed::in_use);
  CHECK_FALSE(std::filesystem::exists(group / "a" / "b" / "c"));
  CHECK_FALSE(std::filesystem::exists(group / "d"));
  CHECK(std::filesystem::exists(group / "a" / "b"));
  std::filesystem::remove(group / "a" / "b" / "in use");
  removed = folders.remove(group);
  REQUIRE(removed.ok());
  CHECK(*removed == CgroupFolders::Removed::gone);
  CHECK_FALSE(std::filesystem::exists(group));
}

TEST_CASE("I4 a group that cannot be removed is told of once, and goes when it can be") {
  Tree tree;
  auto taken = tree.take();
  REQUIRE(taken.ok());
  start_in(*taken, kWorker);
  taken->end(kWorker);
  tree.folders.refusal = Problem::of("system", "remove it: no");
  const auto told = taken->tidy();
  REQUIRE(told.problems.size() == 1);
  CHECK(told.problems[0].message == "remove it: no");
  CHECK_FALSE(told.more);
  CHECK(taken->tidy().problems.empty());
  CHECK(std::filesystem::exists(tree.root() / "workers/7"));
  tree.folders.refusal.reset();
  CHECK(taken->tidy().problems.empty());
  CHECK_FALSE(std::filesystem::exists(tree.root() / "workers/7"));
}

TEST_CASE("I4 groups that a job has closed go all the same, and keep none beside them") {
  const TempDirectory directory;
  directory.open_to_everyone();
  const Path group = directory / "7";
  CHECK(in_child_of_nobody([&] {
          std::filesystem::create_directories(group / "empty");
          std::filesystem::create_directories(group / "full" / "inner");
          std::filesystem::create_directories(group / "open" / "inner");
          for (const Path& closed : {group / "full" / "inner", group / "full", group / "empty", group})
            if (::chmod(closed.c_str(), 0) != 0) return 98;
          return static_cast<int>(remove_all_of(group));
        }) == static_cast<int>(CgroupFolders::Removed::gone));
  CHECK_FALSE(std::filesystem::exists(group));
}

TEST_CASE("I4 a group that somebody else has closed stays, in use, and keeps none beside it" *
          doctest::skip(::geteuid() != 0)) {
  const TempDirectory directory;
  directory.open_to_everyone();
  const Path group = directory / "7";
  CHECK(in_child_of_nobody([&] {
          for (int i = 0; i < 8; ++i)
            std::filesystem::create_directories(group / std::to_string(i) / "inner");
          return 0;
        }) == 0);
  REQUIRE(::chown((group / "3").c_str(), 0, 0) == 0);
  REQUIRE(::chmod((group / "3").c_str(), 0) == 0);
  CHECK(in_child_of_nobody([&] { return static_cast<int>(remove_all_of(group)); }) ==
        static_cast<int>(CgroupFolders::Removed::in_use));
  const std::filesystem::directory_iterator left(group);
  CHECK(std::distance(begin(left), end(left)) == 1);
  CHECK(std::filesystem::exists(group / "3" / "inner"));
}

TEST_CASE("I4 groups that a job has made go in steps, however many there are and however deep") {
  const TempDirectory directory;
  CgroupFolders folders;
  const Path group = directory / "7";
  std::filesystem::create_directory(group);
  SUBCASE("beside each other") {
    for (int i = 0; i < 1000; ++i) std::filesystem::create_directory(group / std::to_string(i));
  }
  int steps = 0, fewest = 1;
  SUBCASE("in each other") {
    Path deepest = group;
    for (int i = 0; i < 1000; ++i) deepest /= "a";
    std::filesystem::create_directories(deepest);
    fewest = 10;  // going into them is what it costs, as much as removing them
  }
  auto removed = folders.remove(group);
  for (; removed.ok() && *removed == CgroupFolders::Removed::in_part; ++steps)
    removed = folders.remove(group);
  REQUIRE(removed.ok());
  CHECK(*removed == CgroupFolders::Removed::gone);
  CHECK(steps > fewest);
  CHECK(steps < 20);
}
