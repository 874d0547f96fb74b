// SPDX-License-Identifier: Apache-2.0
// I4 with cgroups of the kernel's: in a hierarchy of version 2 that is mounted for the test. The controllers
// memory and pids need not be in it; scripts/test-cgroups has what takes them.
#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "tests/support/own_mounts.hpp"
#include "tests/support/proc.hpp"
#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

using Path = std::filesystem::path;

/// A group of cgroup v2 that is nobody's, with all that is made in it gone in the end.
class Group {
 public:
  Group() {
    mounts_.mount("cgroup2", mounted_.path().string());
    REQUIRE(::mkdir(path().c_str(), 0755) == 0);
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() {
    std::ofstream(path() / "cgroup.kill") << "1";
    CHECK(eventually([&] { return remove(path()); }));
    REQUIRE(::umount(mounted_.path().c_str()) == 0);
  }

  [[nodiscard]] Path path() const { return mounted_ / ("promised-test-" + std::to_string(::getpid())); }
  /// Of the workers that are there.
  [[nodiscard]] std::size_t groups_of_workers() const { return folders_in(path() / "workers").size(); }

 private:
  static std::vector<Path> folders_in(const Path& group) {
    std::vector<Path> found;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(group, none)) {
      if (entry.is_directory(none)) found.push_back(entry.path());
    }
    return found;
  }
  static bool remove(const Path& group) {
    for (const Path& inner : folders_in(group)) remove(inner);
    return ::rmdir(group.c_str()) == 0;
  }

  TempDirectory mounted_;
  OwnMounts mounts_;
};

DaemonConfig confined(const DaemonConfig::Lines& lines = {}) {
  DaemonConfig config;
  config.set("daemon", "stop_grace", "100ms");
  return config.pool("confined", worker_binary("confined"), lines);
}

/// A file system of its own, as long as this is there.
class Mounted {
 public:
  explicit Mounted(Path at) : at_(std::move(at)) {
    REQUIRE(::mount("promised-test", at_.c_str(), "tmpfs", 0, nullptr) == 0);
  }
  Mounted(const Mounted&) = delete;
  Mounted& operator=(const Mounted&) = delete;
  ~Mounted() { CHECK(::umount(at_.c_str()) == 0); }

 private:
  Path at_;
};

struct DaemonIn : TestDaemon {
  DaemonIn(const Group& group, DaemonConfig config) : TestDaemon(std::move(config), NotStarted{}) {
    join(group.path());
    start();
  }
};

/// A process in a session of its own, without a variable that would tell whose it is, which a job has left
/// that goes on. Its parents have ended.
pid_t stray_of(Client& client) {
  const auto job = client.submit(Options().at_most_once(), "desert_and_stay", true);
  std::optional<pid_t> left;
  REQUIRE(eventually([&] { return (left = job.note<pid_t>("left")).has_value(); }));
  CHECK_FALSE(is_gone(*left));
  return *left;
}

std::string cgroup_of_process(std::int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return {};
}

Path cgroup_folder(const Group& group, std::int64_t pid) {
  return group.path().parent_path() / cgroup_of_process(pid).substr(1);
}

}  // namespace

TEST_CASE("I4 with cgroups what has left session and environment goes with its worker, and no other worker" *
          doctest::skip(::geteuid() != 0)) {
  const Group group;
  DaemonIn daemon(group, confined({{"size", "2"}}));
  Client client = connect(daemon);
  CHECK(pool_view(client, "confined").containment.starts_with("cgroup"));
  // It may be of either worker by all but its cgroup.
  const pid_t left = stray_of(client), other = stray_of(client);
  CHECK(cgroup_of_process(left) != cgroup_of_process(other));
  CHECK(group.groups_of_workers() == 2);
  const auto jobs = client.jobs().jobs;
  REQUIRE(jobs.size() == 2);
  for (const auto& job : jobs) {
    if (cgroup_of_process(job.worker_pid) == cgroup_of_process(left)) ::kill(job.worker_pid, SIGKILL);
  }
  CHECK(eventually([&] { return is_gone(left); }));
  CHECK_FALSE(is_gone(other));
  CHECK(eventually([&] { return pool_view(client, "confined").workers == 2; }));
  CHECK(eventually([&] { return group.groups_of_workers() == 2; }));
}

TEST_CASE("I4 with cgroups nothing outlives the daemon, nor the kill of daemon and spawner together" *
          doctest::skip(::geteuid() != 0)) {
  const Group group;
  DaemonIn daemon(group, confined());
  pid_t left = 0;
  {
    Client client = connect(daemon);
    left = stray_of(client);
  }
  SUBCASE("the daemon stops") {
    daemon.stop();
  }
  SUBCASE("the daemon is killed") {
    daemon.kill9();
  }
  SUBCASE("both are killed, and the daemon is started again") {
    const pid_t spawner = children_of(daemon.pid()).at(0);
    daemon.signal(SIGSTOP);
    REQUIRE(::kill(spawner, SIGKILL) == 0);
    daemon.signal(SIGKILL);
    CHECK(daemon.wait() == Exit{0, SIGKILL});
    CHECK_FALSE(is_gone(left));
    daemon.start();
    CHECK(is_gone(left));
    CHECK(daemon.log().find("killed process " + std::to_string(left) +
                            " (sleep 600), which an earlier daemon's job had left running") !=
          std::string::npos);
    Client client = connect(daemon);
    CHECK(pool_view(client, "confined").containment.starts_with("cgroup"));
    client.close();
    daemon.stop();
  }
  CHECK(is_gone(left));
  CHECK(group.groups_of_workers() == 0);
}

TEST_CASE("I4 groups that a job has made in its worker's go with it" * doctest::skip(::geteuid() != 0)) {
  const Group group;
  DaemonIn daemon(group, confined());
  Client client = connect(daemon);
  const auto worker = client.submit<std::int64_t>("worker_pid").result(kPatience);
  CHECK(client.submit<std::int64_t>("nest_cgroup").result(kPatience) == 0);
  ::kill(static_cast<pid_t>(worker), SIGKILL);
  CHECK(client.submit<std::int64_t>("worker_pid").result(kPatience) != worker);
  CHECK(eventually([&] { return group.groups_of_workers() == 1; }));
}

TEST_CASE("I4 while thousands of cgroups go that a job has made, the next worker starts and works" *
          doctest::skip(::geteuid() != 0)) {
  const Group group;
  DaemonIn daemon(group, confined());
  Client client = connect(daemon);
  const auto worker = client.submit<std::int64_t>("worker_pid").result(kPatience);
  const Path ended = cgroup_folder(group, worker);
  for (int i = 0; i < 20000; ++i) REQUIRE(::mkdir((ended / std::to_string(i)).c_str(), 0755) == 0);
  {
    const Mounted kept(ended / "0");  // it cannot be gone before the next worker is there
    ::kill(static_cast<pid_t>(worker), SIGKILL);
    CHECK(client.submit<std::int64_t>("worker_pid").result(kPatience) != worker);
  }
  CHECK(eventually([&] { return group.groups_of_workers() == 1; }));
}

TEST_CASE("I4 cgroups that a job has made by the hundred, in each other, go with the daemon" *
          doctest::skip(::geteuid() != 0)) {
  const Group group;
  DaemonIn daemon(group, confined());
  Client client = connect(daemon);
  const auto worker = client.submit<std::int64_t>("worker_pid").result(kPatience);
  Path deepest = cgroup_folder(group, worker);
  for (int i = 0; i < 500; ++i) REQUIRE(::mkdir((deepest /= "a").c_str(), 0755) == 0);
  std::ofstream(group.path() / "workers" / "cgroup.freeze") << "1" << std::flush;
  client.close();
  daemon.stop();
  CHECK(group.groups_of_workers() == 0);
  daemon.start();
  Client again = connect(daemon);
  CHECK(pool_view(again, "confined").containment.starts_with("cgroup"));
  CHECK(again.submit<std::int64_t>("worker_pid").result(kPatience) > 0);
}

TEST_CASE("I4 what is beside the workers' cgroups when the daemon starts is killed, and told of" *
          doctest::skip(::geteuid() != 0)) {
  const Group group;
  DaemonIn daemon(group, confined());
  daemon.stop();
  const Path workers = group.path() / "workers";
  REQUIRE(::rmdir(workers.c_str()) == 0);
  REQUIRE(::mkdir(workers.c_str(), 0755) == 0);  // nothing is set for those in it
  Process left(Program{{"/bin/sleep", "600"}, {}, {}, {}, {}});
  std::ofstream(workers / "cgroup.procs") << left.pid() << std::flush;
  REQUIRE(cgroup_of_process(left.pid()).ends_with("/workers"));
  daemon.start();
  CHECK(left.wait() == Exit{0, SIGKILL});
  CHECK(daemon.log().find("killed process " + std::to_string(left.pid()) +
                          " (/bin/sleep 600), which an earlier daemon's job had left running") !=
        std::string::npos);
  Client client = connect(daemon);
  CHECK(pool_view(client, "confined").containment.starts_with("cgroup"));
}

TEST_CASE("I4 where a cgroup of an earlier daemon does not go, the log tells why workers have none" *
          doctest::skip(::geteuid() != 0)) {
  const Group group;
  DaemonIn daemon(group, confined());
  daemon.stop();
  const Path stuck = group.path() / "workers" / "stuck";
  REQUIRE(::mkdir(stuck.c_str(), 0755) == 0);
  const Mounted nobody_can_remove_it(stuck);
  daemon.start();
  CHECK(daemon.log().find(group.path().filename().string() +
                          "/workers: its processes were killed, and it is still in use\n") !=
        std::string::npos);
  Client client = connect(daemon);
  CHECK(pool_view(client, "confined").containment == "rlimit");
  CHECK(client.submit<std::int64_t>("worker_pid").result(kPatience) > 0);
}

#ifndef PROMISED_SANITIZED  // whose shadow memory is larger than any sensible limit of address space
TEST_CASE("I3 a limit that no controller keeps for a cgroup is kept for each process, and the log tells" *
          doctest::skip(::geteuid() != 0)) {
  const Group group;
  DaemonIn daemon(group, confined({{"memory_limit", "4GiB"}}));
  Client client = connect(daemon);
  const bool has_memory = read_file(group.path() / "cgroup.controllers").find("memory") != std::string::npos;
  CHECK((daemon.log().find("there is no controller \"memory\"") != std::string::npos) == !has_memory);
  CHECK(pool_view(client, "confined").containment == (has_memory ? "cgroup" : "cgroup+rlimit"));
  const auto worker = client.submit<std::int64_t>("worker_pid").result(kPatience);
  const std::string limits = read_file("/proc/" + std::to_string(worker) + "/limits");
  CHECK((limits.find("4294967296") != std::string::npos) == !has_memory);
}
#endif
