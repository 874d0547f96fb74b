// SPDX-License-Identifier: Apache-2.0
// I4: when a worker goes, everything that it started goes.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>

#include "tests/unit/pool/fixture.hpp"

using namespace promised;
using namespace promised::test;

namespace {

/// Of a job that goes on.
pid_t orphan_of(PoolFixture& pool, WorkerId worker, bool own_session) {
  pool.dispatch(worker, "orphan_and_sleep", arguments(own_session));
  pool.workers().flush();
  return std::stoi(pool.await<event::AttemptProgress>(worker).message);
}

std::size_t open_fds() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

struct Pids {
  pid_t spawner, worker, sleeper, orphan, deserter;
};

/// Of a job that left it behind and has ended.
pid_t left_by(PoolFixture& pool, WorkerId worker, const std::string& function, const Payload& given) {
  return static_cast<pid_t>(from_value<std::int64_t>(pool.value_of(worker, function, given)));
}

// What runs as the daemon: workers that are busy and have orphans, until it is killed.
[[noreturn]] void be_daemon(int report) {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  const WorkerId other = pool.start_ready();
  const WorkerId sleeper = pool.start_ready();
  pool.dispatch(sleeper, "ignore_sigterm", arguments());
  pool.workers().flush();
  pool.await<event::AttemptProgress>(sleeper);
  const Pids pids{pool.spawner().pid(), pool.pid(worker), pool.pid(sleeper), orphan_of(pool, worker, false),
                  orphan_of(pool, other, true)};
  if (::write(report, &pids, sizeof pids) != sizeof pids) ::_exit(1);
  for (;;) ::pause();
}

}  // namespace

TEST_CASE("I4 what a job left behind is gone when it ends, and its worker goes on") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  for (const bool own_session : {false, true})
    CHECK(is_gone(left_by(pool, worker, "orphan", arguments(own_session))));
  CHECK(is_gone(left_by(pool, worker, "leave_child_behind", arguments())));
  CHECK(is_gone(left_by(pool, worker, "child_of_a_thread", arguments())));
  CHECK(pool.value_of(worker, "quick", arguments(1)) == Value(std::int64_t{1}));
  CHECK_FALSE(pool.has<event::WorkerGone>(worker));
}

TEST_CASE("I4 what a program started before its first job stays, whatever the jobs leave behind") {
  PoolFixture pool(pool_of("misbehave", {"--helper"}));
  const WorkerId worker = pool.start_ready();
  const pid_t helper = left_by(pool, worker, "helper", arguments());
  CHECK_FALSE(is_gone(helper));
  for (int i = 0; i < 2; ++i) {
    CHECK(is_gone(left_by(pool, worker, "orphan", arguments(true))));
    CHECK_FALSE(is_gone(helper));
  }
  pool.workers().stop({worker});
  pool.workers().flush();
  CHECK(pool.await<event::WorkerGone>(worker).exit_code == 0);
  CHECK(eventually([&] { return is_gone(helper); }));
}

TEST_CASE("I4 an orphan of a job that runs goes with its worker") {
  PoolFixture pool(pool_of("misbehave"));
  for (const bool own_session : {false, true}) {
    CAPTURE(own_session);
    const WorkerId worker = pool.start_ready();
    const WorkerId neighbour = pool.start_ready();
    const pid_t orphan = orphan_of(pool, worker, own_session);
    const pid_t of_neighbour = orphan_of(pool, neighbour, own_session);
    CHECK_FALSE(is_gone(orphan));
    pool.kill(worker, SIGKILL);
    pool.await<event::WorkerGone>(worker);
    CHECK(eventually([&] { return is_gone(orphan); }));
    CHECK_FALSE(is_gone(of_neighbour));
    pool.kill(neighbour, SIGKILL);
    pool.await<event::WorkerGone>(neighbour);
    CHECK(eventually([&] { return is_gone(of_neighbour); }));
  }
}

TEST_CASE("I4 a child that holds the channel and the output open does not hide its parent's end") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  pool.dispatch(worker, "leave_child_behind_and_crash", arguments());
  pool.workers().flush();
  const pid_t child = std::stoi(pool.await<event::AttemptProgress>(worker).message);
  CHECK(pool.await<event::WorkerGone>(worker).signal == SIGSEGV);
  CHECK(eventually([&] { return is_gone(child); }));
}

TEST_CASE("I4 when the daemon is killed, its spawner, its workers and their orphans are gone") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t daemon = ::fork();
  REQUIRE(daemon >= 0);
  if (daemon == 0) be_daemon(ends[1]);
  ::close(ends[1]);
  Pids pids{};
  REQUIRE(::read(ends[0], &pids, sizeof pids) == static_cast<ssize_t>(sizeof pids));
  ::close(ends[0]);
  const std::array all{pids.spawner, pids.worker, pids.sleeper, pids.orphan, pids.deserter};
  for (const pid_t pid : all) CHECK_FALSE(is_gone(pid));
  REQUIRE(::kill(daemon, SIGKILL) == 0);
  REQUIRE(::waitpid(daemon, nullptr, 0) == daemon);
  for (const pid_t pid : all) CHECK(eventually([&] { return is_gone(pid); }));
}

TEST_CASE("I4 when the spawner is killed, the workers go and the daemon is told") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  pool.dispatch(worker, "ignore_sigterm", arguments());
  pool.workers().flush();
  pool.await<event::AttemptProgress>(worker);
  const pid_t pid = pool.pid(worker);
  REQUIRE(::kill(pool.spawner().pid(), SIGKILL) == 0);
  std::string problem;
  const auto told = [&] {
    std::vector<Event> events;
    const Result<void> read = pool.workers().read(events);
    if (!read.ok()) problem = read.problem().code;
    return !problem.empty();
  };
  CHECK(eventually(told));
  CHECK(problem == "spawner_gone");
  CHECK(eventually([&] { return is_gone(pid); }));
}

TEST_CASE("200 workers that come and go leave no descriptor and no process behind") {
  PoolFixture pool({pool_of("misbehave"), pool_of("exits")});
  const auto come_and_go = [&](std::uint32_t i) {
    const WorkerId worker = pool.start(i % 2);
    if (i % 2 == 0) {
      pool.await<event::WorkerReady>(worker);
      i % 4 == 0 ? pool.workers().stop({worker}) : pool.kill(worker, SIGKILL);
      pool.workers().flush();
    }
    pool.await<event::WorkerGone>(worker);
    const pid_t pid = pool.pid(worker);
    pool.forget_events();
    return pid;
  };
  come_and_go(0);
  const std::size_t before = open_fds();
  for (std::uint32_t i = 0; i < 200; ++i) CHECK(is_gone(come_and_go(i)));
  CHECK(open_fds() == before);
}
