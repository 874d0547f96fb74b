// SPDX-License-Identifier: Apache-2.0
// I3: the limits of a pool, as its workers find them.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <fstream>
#include <optional>
#include <string>

#include "daemon/spawner/limits.hpp"
#include "tests/unit/pool/fixture.hpp"

using namespace promised;
using namespace promised::test;

namespace {

using Numbers = std::map<std::string, std::int64_t>;

Numbers limits_of(PoolSettings settings) {
  PoolFixture pool(std::move(settings));
  return from_value<Numbers>(pool.value_of(pool.start_ready(), "limits", arguments()));
}

// The processor time of a process that is there.
std::optional<std::chrono::nanoseconds> used_by(pid_t pid) {
  clockid_t clock{};
  timespec now{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &now) != 0) return std::nullopt;
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// What comes of a call that keeps the processor busy. How long that takes depends on who else wants it; so
// the patience is with what the worker has used, in all its jobs.
template <class E>
E after_burning(PoolFixture& pool, WorkerId worker, std::int64_t milliseconds, std::chrono::seconds most) {
  const pid_t pid = pool.pid(worker);
  const std::size_t before = pool.all<E>(worker).size();
  pool.dispatch(worker, "burn", arguments(milliseconds));
  pool.workers().flush();
  while (pool.all<E>(worker).size() == before) {
    REQUIRE_FALSE(pool.has<event::WorkerGone>(worker));
    REQUIRE(used_by(pid).value_or(std::chrono::nanoseconds(0)) < most);
    pool.read(std::chrono::milliseconds(50));
  }
  return pool.all<E>(worker).back();
}

// A kernel without them says nothing of them.
bool has_autogroups() {
  std::string name;
  return static_cast<bool>(std::ifstream("/proc/self/autogroup") >> name);
}

}  // namespace

TEST_CASE(
    "I3 a worker has the pool's core size and priority, its session too; by default it writes no core") {
  PoolSettings settings = pool_of("confined");
  Numbers limits = limits_of(settings);
  CHECK(limits["core hard"] == 1);  // no file is as small, and no program that takes cores is started
  CHECK(limits["nice"] == 0);
  CHECK(limits["nice of the session"] == 0);
  CHECK(limits["no_new_privs"] == 1);
  settings.core_size = 4096;
  settings.nice = 7;
  limits = limits_of(settings);
  CHECK(limits["core hard"] == 4096);  // a program may have lowered the soft one, as sanitizers do
  CHECK(limits["nice"] == 7);
  if (has_autogroups()) CHECK(limits["nice of the session"] == 7);
}

TEST_CASE("I3 where the hard limit of core files is 0 already, a worker has that") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0) ::_exit(2);
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && ::setresuid(kNobody, kNobody, kNobody) != 0) ::_exit(3);
    rlimit now{1, 1};
    if (!apply_limits(SpawnRequest{}, 0).ok() || ::getrlimit(RLIMIT_CORE, &now) != 0) ::_exit(4);
    ::_exit(now.rlim_max == 0 ? 0 : 5);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("I3 each job of a worker has all of cpu_time; one that uses more ends the worker with SIGXCPU") {
  PoolSettings settings = pool_of("confined");
  settings.cpu_time = std::chrono::seconds(1);
  constexpr std::chrono::seconds kMost{10};
  PoolFixture pool(settings);
  const WorkerId worker = pool.start_ready();
  for (int i = 0; i < 3; ++i) {
    const auto ended = after_burning<event::AttemptEnded>(pool, worker, 600, kMost);
    REQUIRE(ended.failure.cause == Cause::none);
    CHECK(from_value<std::int64_t>(decoded(ended.result)) >= 600);
  }
  const auto gone = after_burning<event::WorkerGone>(pool, worker, 60'000, kMost);
  CHECK(gone.signal == SIGXCPU);
  // 2.8 s but for what the kernel errs: for the limit it counts ticks, and for this the time.
  CHECK(gone.user + gone.system >= std::chrono::milliseconds(2300));
}

TEST_CASE("I3 root's processes are not limited without a cgroup, and the pool says so instead of starting") {
  PoolSettings settings = pool_of("confined");
  settings.processes = 1;
  PoolFixture pool(settings);
  const WorkerId worker = pool.start();
  if (::geteuid() == 0) {
    CHECK(pool.await<event::WorkerStartFailed>(worker).reason ==
          "processes = 1: without a cgroup that counts them it is a user's processes that the kernel counts, "
          "and "
          "root's are not limited; give the pool a user of its own, or run the daemon where it has a cgroup "
          "with "
          "the controller pids (docs/pools.md)");
  } else {
    // The user of this test has processes beside it: no further one is allowed.
    pool.await<event::WorkerReady>(worker);
  }
}
