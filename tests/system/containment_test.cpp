// SPDX-License-Identifier: Apache-2.0
// I3 and I4 through the real daemon: limits, and that all goes that a job has started, whoever is killed.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "common/fd.hpp"
#include "tests/support/proc.hpp"
#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

using Numbers = std::map<std::string, std::int64_t>;

DaemonConfig confined_config(const DaemonConfig::Lines& lines = {}) {
  DaemonConfig config;
  config.set("daemon", "stop_grace", "100ms");
  return config.pool("confined", worker_binary("confined"), lines);
}

// In the kernel's ticks, which are coarse: a process that is started now may be as old as one that was
// before.
std::uint64_t start_of(pid_t pid) {
  const std::string line = read_file("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream words(line.substr(line.rfind(')') + 1));
  constexpr int kStart = 19;  // behind the name
  std::string word;
  for (int i = 0; i <= kStart; ++i) words >> word;
  return std::stoull(word);
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
  return children_of(daemon).at(0);
}

/// A job that goes on, and a process that it has started.
struct Left {
  AnyFuture job;
  pid_t process = 0;
};
template <class... A>
Left left_by(Client& client, const char* function, A&&... arguments) {
  Left left{client.submit(Options().at_most_once(), function, std::forward<A>(arguments)...)};
  std::optional<pid_t> process;
  REQUIRE(eventually([&] { return (process = left.job.note<pid_t>("left")).has_value(); }));
  left.process = *process;
  CHECK_FALSE(is_gone(left.process));
  return left;
}
/// In a session of its own.
Left deserter(Client& client, bool closed_environment) {
  return left_by(client, "desert_and_stay", closed_environment);
}

// A pool of this program, as a user whose processes the kernel counts: not root's. That user need not be able
// to go where this was built.
void counted_pool(DaemonConfig& config, const TestDaemon& daemon, const char* name, const char* processes) {
  DaemonConfig::Lines lines{{"processes", processes}};
  std::string program = worker_binary(name);
  if (::geteuid() == 0) {
    const TempDirectory& directory = daemon.directory();
    directory.open_to_everyone();
    std::filesystem::copy_file(program, directory / "worker");
    std::filesystem::copy_file(STORY_WORKER_LIBRARY, directory / std::filesystem::path(STORY_WORKER_SONAME));
    program = (directory / "worker").string();
    lines.emplace_back("user", "nobody");
    lines.emplace_back("environment.LD_LIBRARY_PATH", directory.path().string());
  }
  config.pool(name, program, lines);
}

// Nobody holds a lock on it.
bool is_free(const std::filesystem::path& file) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
}

void kill_worker(Client& client, const Left& left) {
  ::kill(client.show(left.job.id(), kPatience).worker_pid, SIGKILL);
  CHECK(left.job.failure(kPatience)->signal == SIGKILL);
}

}  // namespace

TEST_CASE(
    "I4 what a worker has left behind in a session of its own goes with it, and the neighbour's stays") {
  DaemonConfig config = confined_config();
  config.pool("story", STORY_WORKER);
  TestDaemon daemon(config);
  Client client = connect(daemon);
  const Left neighbour = left_by(client, "keep_a_child");
  const Left left = deserter(client, false);
  kill_worker(client, left);
  CHECK(eventually([&] { return is_gone(left.process); }));
  CHECK_FALSE(is_gone(neighbour.process));
}

TEST_CASE("I4 one that has left session and environment goes when all are gone whose it may be") {
  DaemonConfig config = confined_config();
  config.pool("story", STORY_WORKER);
  TestDaemon daemon(config);
  Client client = connect(daemon);
  const Left first = left_by(client, "keep_a_child");
  const Left left = deserter(client, true);
  REQUIRE(eventually([&] { return later_ones_can_be_told_from(left.process); }));
  kill_worker(client, first);  // the other worker that was there before it
  CHECK(eventually([&] { return is_gone(first.process); }));
  const Left neighbour = left_by(client, "keep_a_child");  // of a worker that came later
  CHECK_FALSE(is_gone(left.process));
  kill_worker(client, left);
  CHECK(eventually([&] { return is_gone(left.process); }));
  CHECK_FALSE(is_gone(neighbour.process));
}

TEST_CASE("I4 when the daemon is killed, all goes that jobs have started") {
  TestDaemon daemon(confined_config({{"size", "2"}}));
  pid_t marked = 0, unmarked = 0;
  {
    Client client = connect(daemon);
    marked = deserter(client, false).process;
    unmarked = deserter(client, true).process;
  }
  daemon.kill9();
  CHECK(is_gone(marked));
  CHECK(is_gone(unmarked));
}

TEST_CASE("I4 when the spawner is killed, the daemon ends what jobs have started, and itself with an error") {
  TestDaemon daemon(confined_config({{"size", "2"}}));
  pid_t marked = 0, unmarked = 0;
  {
    Client client = connect(daemon);
    marked = deserter(client, false).process;
    unmarked = deserter(client, true).process;
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
    left = deserter(client, false).process;
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
  const std::string told = "workers are held by limits of single processes (docs/pools.md), not by cgroups: ";
  // Once a start, of which there were two.
  const std::string log = daemon.log();
  const std::size_t first = log.find(told);
  REQUIRE(first != std::string::npos);
  const std::size_t second = log.find(told, first + 1);
  REQUIRE(second != std::string::npos);
  CHECK(log.find(told, second + 1) == std::string::npos);
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

TEST_CASE(
    "I3 cpu_time is a job's: neither the program's set-up counts, nor what its worker does, in a process or "
    "two") {
  constexpr auto kBusy = 60s;  // the processor is what it is about, and others may want it
  for (const char* isolation : {"worker", "job"}) {
    CAPTURE(isolation);
    TestDaemon daemon(
        confined_config({{"cpu_time", "1s"}, {"isolation", isolation}, {"arguments", "--set-up 1200"}}));
    Client client = connect(daemon);
    for (int i = 0; i < 3; ++i) CHECK(client.submit<std::int64_t>("burn", 400).result(kBusy) >= 400);
    CHECK(pool_view(client, "confined").crashes == 0);
    const auto failure = client.submit("burn", 600'000).failure(kBusy);
    REQUIRE(failure);
    CHECK(failure->cause == Cause::timed_out);
    CHECK(failure->limit == "cpu_time");
    CHECK(client.submit<std::int64_t>("burn", 0).result(kPatience) >= 0);
  }
}

TEST_CASE("T3 with isolation = job, what a job has started can clean up when it is told to stop") {
  TestDaemon daemon(confined_config({{"isolation", "job"}, {"kill_grace", "10s"}}));
  Client client = connect(daemon);
  const std::string file = (daemon.directory() / "file").string();
  const auto worker = client.submit<std::int64_t>("worker_group").result(kPatience);
  const auto failure =
      client
          .submit(Options().run_timeout(3s), "shell",
                  "trap 'sleep 0.3; echo cleaned > " + file + "; exit 0' TERM; while :; do sleep 0.02; done")
          .failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::timed_out);
  CHECK(read_file(file) == "cleaned\n");
  CHECK(client.submit<std::int64_t>("worker_group").result(kPatience) == worker);
}

TEST_CASE(
    "A2 with isolation = job, a job that the kernel has no process for has not begun, and runs when there is "
    "one") {
  TestDaemon daemon(DaemonConfig(), TestDaemon::NotStarted{});
  const auto full = daemon.directory() / "full";
  write_file(full, "");
  daemon.configure(DaemonConfig().pool("forkless", worker_binary("forkless"),
                                       {{"isolation", "job"}, {"arguments", full.string()}}));
  daemon.start();
  Client client = connect(daemon);
  const auto once = client.submit<std::uint32_t>(Options().at_most_once(), "attempt");
  const auto job = client.submit<std::uint32_t>("attempt");
  constexpr std::size_t kMoreThanIsCounted = 5;
  REQUIRE(eventually([&] { return lines_in(full.string() + ".refused") >= kMoreThanIsCounted; }));
  std::string reason;  // it is gone for the moment in which the next worker is ready
  REQUIRE(eventually([&] { return !(reason = pool_view(client, "forkless").reason).empty(); }));
  CHECK(reason.find(
            ": there was no process to run a job in; it wrote: promised: there is no process for job ") !=
        std::string::npos);
  CHECK(reason.find(" (attempt): Resource temporarily unavailable; it goes back, and this worker ends") !=
        std::string::npos);
  CHECK_FALSE(job.done());
  CHECK_FALSE(once.done());
  std::filesystem::remove(full);
  CHECK(job.result(kPatience) == 1);
  CHECK(once.result(kPatience) == 1);
  CHECK(pool_view(client, "forkless").crashes == 0);
  const std::string recovered = "pool forkless has recovered";
  CHECK(eventually([&] {  // once jobs have ended for a while
    (void)client.submit<std::uint32_t>("attempt").result(kPatience);
    return daemon.log().find(recovered) != std::string::npos;
  }));
  const std::string log = daemon.log();
  CHECK(log.find(recovered) == log.rfind(recovered));
}

TEST_CASE(
    "A2 with isolation = job, a job whose process the worker could not see end has not begun, and runs "
    "later") {
  TestDaemon daemon(DaemonConfig(), TestDaemon::NotStarted{});
  const auto full = daemon.directory() / "full";
  write_file(full, "");
  daemon.configure(DaemonConfig().pool("forkless", worker_binary("forkless"),
                                       {{"isolation", "job"}, {"arguments", full.string() + " pidfd"}}));
  daemon.start();
  Client client = connect(daemon);
  const auto once = client.submit<std::uint32_t>(Options().at_most_once(), "attempt");
  const auto job = client.submit<std::uint32_t>("attempt");
  std::string reason;  // it is gone for the moment in which the next worker is ready
  REQUIRE(eventually([&] { return !(reason = pool_view(client, "forkless").reason).empty(); }));
  CHECK(reason.find("(attempt): Too many open files; it goes back, and this worker ends") !=
        std::string::npos);
  CHECK_FALSE(job.done());
  CHECK_FALSE(once.done());
  CHECK(lines_in(full.string() + ".ran") == 0);
  std::filesystem::remove(full);
  CHECK(job.result(kPatience) == 1);
  CHECK(once.result(kPatience) == 1);
  CHECK(lines_in(full.string() + ".ran") == 2);
  CHECK(pool_view(client, "forkless").crashes == 0);
}

TEST_CASE("I3 a job that starts more processes than it may is refused further ones") {
  TestDaemon daemon(DaemonConfig(), TestDaemon::NotStarted{});
  DaemonConfig config;
  counted_pool(config, daemon, "confined", "1");
  daemon.configure(config);
  daemon.start();
  Client client = connect(daemon);
  const auto bred = client.submit<Numbers>("breed", 100).result(kPatience);
  CHECK(bred.at("children") == 0);
  CHECK(bred.at("error") == EAGAIN);
}

TEST_CASE("I4 a bomb of processes in sessions of their own goes with its worker, and holds up nobody" *
          doctest::skip(::geteuid() != 0)) {
  TestDaemon daemon(DaemonConfig(), TestDaemon::NotStarted{});
  DaemonConfig config = confined_config();
#ifndef PROMISED_SANITIZED
  counted_pool(config, daemon, "misbehave", "200");
#else  // whose processes take many times as long to end
  counted_pool(config, daemon, "misbehave", "50");
#endif
  daemon.configure(config);
  daemon.start();
  const auto file = daemon.directory() / "locked";
  const auto explode = [&](Client& client) {
    const auto bomb = client.submit(Options().at_most_once(), "bomb_in_sessions", file.string());
    REQUIRE(eventually([&] { return bomb.note<bool>("full").value_or(false); }));
    CHECK_FALSE(is_free(file));
    return client.show(bomb.id(), kPatience).worker_pid;
  };
  {
    Client client = connect(daemon);
    const auto time_of_a_death = [&] {
      const auto begin = std::chrono::steady_clock::now();
      CHECK(client.submit("die").failure(kPatience)->signal == SIGKILL);
      return std::chrono::steady_clock::now() - begin;
    };
    time_of_a_death();
    const auto in_quiet = time_of_a_death();  // on a new worker, as after the bomb
    REQUIRE(::kill(explode(client), SIGKILL) == 0);
    CHECK(time_of_a_death() < 3 * in_quiet + 2s);
    CHECK(eventually([&] { return is_free(file); }));
    explode(client);
  }
  CHECK(daemon.stop() == Exit{0, 0});
  CHECK(is_free(file));
}

#ifndef PROMISED_SANITIZED  // which end the process when there is no memory
TEST_CASE("I3 T3 a job over cpu_time is timed out, and no crash, if an allocation had failed in it before") {
  constexpr auto kBusy = 60s;
  for (const char* isolation : {"worker", "job"}) {
    CAPTURE(isolation);
    TestDaemon daemon(confined_config({{"cpu_time", "1s"}, {"isolation", isolation}}));
    Client client = connect(daemon);
    const auto failure = client.submit("cope_and_burn", 600'000).failure(kBusy);
    REQUIRE(failure);
    CHECK(failure->cause == Cause::timed_out);
    CHECK(failure->limit == "cpu_time");
  }
}
#endif
