// SPDX-License-Identifier: Apache-2.0
// I3 and I4 through the real daemon: limits, and that all goes that a job has started, whoever is killed.
#include <doctest/doctest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

using Numbers = std::map<std::string, std::int64_t>;

DaemonConfig confined_config(const DaemonConfig::Lines& lines = {}) {
  DaemonConfig config;
  return config.pool("confined", worker_binary("confined"), lines);
}

// What /proc tells of a process behind its name: its state, 18 numbers, and when it was started.
std::vector<std::string> facts_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream words(line.substr(line.rfind(')') + 1));
  return {std::istream_iterator<std::string>(words), {}};
}

// No such process, or only its corpse.
bool is_gone(pid_t pid) {
  const auto facts = facts_of(pid);
  return facts.empty() || facts[0] == "Z" || facts[0] == "X";
}

// In the kernel's ticks, which are coarse: a process that is started now may be as old as one that was
// before.
std::uint64_t start_of(pid_t pid) {
  return std::stoull(facts_of(pid).at(19));
}
bool later_ones_can_be_told_from(pid_t pid) {
  const pid_t probe = ::fork();
  if (probe == 0) {
    for (;;) ::pause();
  }
  const std::uint64_t start = start_of(probe);
  ::kill(probe, SIGKILL);
  ::waitpid(probe, nullptr, 0);
  return start > start_of(pid);
}

pid_t spawner_of(pid_t daemon) {
  const std::string pid = std::to_string(daemon);
  pid_t spawner = 0;
  std::ifstream("/proc/" + pid + "/task/" + pid + "/children") >> spawner;
  REQUIRE(spawner > 0);
  return spawner;
}

// A process that the pool's worker has left behind, in a session of its own.
pid_t deserter(Client& client, bool closed_environment) {
  const auto pid = client.submit<pid_t>("desert", closed_environment).result(kPatience);
  CHECK_FALSE(is_gone(pid));
  return pid;
}

void kill_worker(Client& client) {
  CHECK(client.submit("die").failure(kPatience)->signal == SIGKILL);
}

}  // namespace

TEST_CASE(
    "I4 what a worker has left behind in a session of its own goes with it, and the neighbour's stays") {
  DaemonConfig config = confined_config();
  config.pool("story", STORY_WORKER);
  TestDaemon daemon(config);
  Client client = connect(daemon);
  const auto neighbour = client.submit<pid_t>("leave_a_child").result(kPatience);
  const pid_t left = deserter(client, false);
  kill_worker(client);
  CHECK(eventually([&] { return is_gone(left); }));
  CHECK_FALSE(is_gone(neighbour));
}

TEST_CASE("I4 one that has left session and environment goes when all are gone whose it may be") {
  DaemonConfig config = confined_config();
  config.pool("story", STORY_WORKER);
  TestDaemon daemon(config);
  Client client = connect(daemon);
  const auto first = client.submit<pid_t>("leave_a_child").result(kPatience);
  const pid_t left = deserter(client, true);
  REQUIRE(eventually([&] { return later_ones_can_be_told_from(left); }));
  (void)client.submit("raise", SIGKILL).failure(kPatience);  // the other worker that was there before it
  CHECK(eventually([&] { return is_gone(first); }));
  const auto neighbour =
      client.submit<pid_t>("leave_a_child").result(kPatience);  // of a worker that came later
  CHECK_FALSE(is_gone(left));
  kill_worker(client);
  CHECK(eventually([&] { return is_gone(left); }));
  CHECK_FALSE(is_gone(neighbour));
}

TEST_CASE("I4 when the daemon is killed, all goes that jobs have started") {
  TestDaemon daemon(confined_config());
  pid_t marked = 0, unmarked = 0;
  {
    Client client = connect(daemon);
    marked = deserter(client, false);
    unmarked = deserter(client, true);
  }
  daemon.kill9();
  CHECK(is_gone(marked));
  CHECK(is_gone(unmarked));
}

TEST_CASE("I4 when the spawner is killed, the daemon ends what jobs have started, and itself with an error") {
  TestDaemon daemon(confined_config());
  pid_t marked = 0, unmarked = 0;
  {
    Client client = connect(daemon);
    marked = deserter(client, false);
    unmarked = deserter(client, true);
    REQUIRE(::kill(spawner_of(daemon.pid()), SIGKILL) == 0);
    CHECK(daemon.await_end() == Exit{1, 0});
  }
  CHECK(is_gone(marked));
  CHECK(is_gone(unmarked));
  CHECK(daemon.log().find("the spawner process") != std::string::npos);
}

TEST_CASE("I4 when spawner and daemon are killed together, the next start ends what jobs have started") {
  TestDaemon daemon(confined_config());
  pid_t left = 0;
  {
    Client client = connect(daemon);
    left = deserter(client, false);
  }
  // Neither can do anything about the other's death.
  const pid_t spawner = spawner_of(daemon.pid());
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
  CHECK(pool_view(client, "confined").containment == "rlimit");
}

TEST_CASE("I3 T3 a job that uses too much of the processor is timed out, and its worker's use is told") {
  TestDaemon daemon(confined_config({{"cpu_time", "1s"}}));
  Client client = connect(daemon);
  // Together they need more than one may: the limit is a job's, not the worker's.
  for (int i = 0; i < 2; ++i) CHECK(client.submit<std::int64_t>("burn", 700).result(kPatience) >= 700);
  const auto failure = client.submit(Options().remember("burnt"), "burn", 600'000).failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::timed_out);
  CHECK(failure->limit == "cpu_time");
  CHECK(failure->user + failure->system >= 2300ms);
  CHECK(failure->peak_memory > 1 << 20);
  CHECK(failure->output.empty());
  const std::string shown = promisectl(daemon, {"show", "burnt"}).out;
  CHECK(shown.find("timed_out (cpu_time): it used more than cpu_time (1s) of the processor\n") !=
        std::string::npos);
  CHECK(shown.find(" cpu ") < shown.find(" s user, "));
  CHECK(shown.find(" in memory\n") != std::string::npos);
}

TEST_CASE("I3 a job that starts more processes than it may is refused further ones") {
  TestDaemon daemon(DaemonConfig(), TestDaemon::NotStarted{});
  const TempDirectory& directory = daemon.directory();
  DaemonConfig::Lines lines{{"processes", "1"}};
  std::string program = worker_binary("confined");
  if (::geteuid() == 0) {
    // The kernel counts a user's processes, but for root's. That user need not be able to go where this was
    // built.
    directory.open_to_everyone();
    std::filesystem::copy_file(program, directory / "worker");
    std::filesystem::copy_file(STORY_WORKER_LIBRARY, directory / std::filesystem::path(STORY_WORKER_SONAME));
    program = (directory / "worker").string();
    lines.emplace_back("user", "nobody");
    lines.emplace_back("environment.LD_LIBRARY_PATH", directory.path().string());
  }
  daemon.configure(DaemonConfig().pool("confined", program, lines));
  daemon.start();
  Client client = connect(daemon);
  const auto bred = client.submit<Numbers>("breed", 100).result(kPatience);
  CHECK(bred.at("children") == 0);
  CHECK(bred.at("error") == EAGAIN);
}
