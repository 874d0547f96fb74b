// SPDX-License-Identifier: Apache-2.0
// I4: whose an orphan is, and when it goes.
#include "daemon/spawner/strays.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/fd.hpp"
#include "common/worker_marks.hpp"
#include "daemon/spawner/process_facts.hpp"
#include "tests/support/eventually.hpp"
#include "tests/unit/pool/sleeper.hpp"

using namespace promised;
using namespace promised::test;

namespace {

constexpr WorkerId kOne{1}, kTwo{2}, kThree{3};

// The test in the spawner's place: what its children leave comes to it.
class Scene {
 public:
  Scene() { REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0); }
  ~Scene() { ::prctl(PR_SET_CHILD_SUBREAPER, 0); }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  Strays& strays() { return strays_; }
  void worker_has_gone(WorkerId worker, pid_t pid) {
    ::kill(pid, SIGKILL);
    REQUIRE(::waitpid(pid, nullptr, 0) == pid);
    strays_.remove(worker, pid);
  }
  // Until all that is to go has been reaped.
  void settle() {
    REQUIRE(eventually([&] {
      strays_.look_again();
      const auto step = strays_.step();
      return step.ok() && strays_.patience() == -1;
    }));
  }

 private:
  Strays strays_;
};

std::string worker_marked(WorkerId worker) {
  return variable(kWorkerVariable, std::to_string(static_cast<std::uint32_t>(worker)));
}

// A worker whose job has left a process in its session, and that process. Whatever is written to `leave`
// sends that into a session of its own.
struct Family {
  pid_t worker = 0;
  pid_t orphan = 0;
  Fd leave;
};

[[noreturn]] void be_orphan(const Fd& leave, const Fd& report) {
  const pid_t pid = ::getpid();
  char byte = 0;
  if (::write(report.get(), &pid, sizeof pid) != sizeof pid) ::_exit(1);
  while (::read(leave.get(), &byte, 1) == 1) ::setsid();
  ::_exit(0);
}

Family make_family() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  Fd leave_read(ends[0]), leave_write(ends[1]);
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const Fd report_read(ends[0]);
  Fd report_write(ends[1]);
  Family family{::fork(), 0, std::move(leave_write)};
  REQUIRE(family.worker >= 0);
  if (family.worker == 0) {
    family.leave.reset();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setsid();
    const pid_t middle = ::fork();
    if (middle == 0) {
      if (::fork() == 0) be_orphan(leave_read, report_write);
      ::_exit(0);
    }
    ::waitpid(middle, nullptr, 0);
    for (;;) ::pause();
  }
  report_write.reset();
  REQUIRE(::read(report_read.get(), &family.orphan, sizeof family.orphan) == sizeof family.orphan);
  REQUIRE(eventually([&] {
    const auto children = children_of_this_thread();
    return children.ok() && std::find(children->begin(), children->end(), family.orphan) != children->end();
  }));
  return family;
}

bool lives(pid_t pid) {
  return started_at(pid).has_value();
}

}  // namespace

TEST_CASE("I4 an orphan in a worker's session is spared until that worker has gone, and then reaped") {
  Scene scene;
  const Sleeper other;
  const Family family = make_family();
  scene.strays().add(kOne, family.worker);
  scene.strays().add(kTwo, other.pid());
  scene.settle();
  CHECK(lives(family.orphan));
  scene.worker_has_gone(kOne, family.worker);
  scene.settle();
  CHECK(::kill(family.orphan, 0) != 0);  // not even a corpse
  CHECK(other.lives());
}

TEST_CASE("I4 an orphan that comes when its worker has gone is told by the session that it is in") {
  Scene scene;
  const Sleeper older;
  scene.strays().add(kTwo, older.pid());
  const Family family = make_family();
  scene.strays().add(kOne, family.worker);
  scene.worker_has_gone(
      kOne, family.worker);  // and only then the orphan is looked at, in whose environment is nothing
  CHECK_FALSE(scene.strays().leaves_dying(kOne));
  scene.settle();
  CHECK_FALSE(lives(family.orphan));
  CHECK(older.lives());
}

TEST_CASE("I4 what a worker left is told of as dying from when it is killed until it is dead") {
  Scene scene;
  const Family family = make_family();
  scene.strays().add(kOne, family.worker);
  // One in the middle of its death takes as long as it is traced.
  REQUIRE(::ptrace(PTRACE_SEIZE, family.orphan, nullptr, PTRACE_O_TRACEEXIT) == 0);
  scene.worker_has_gone(kOne, family.worker);
  scene.strays().look_again();
  REQUIRE(scene.strays().step().ok());
  CHECK_FALSE(scene.strays().leaves_dying(kTwo));
  siginfo_t stop{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(family.orphan), &stop, WSTOPPED | WNOWAIT) == 0);
  CHECK(stop.si_code == CLD_TRAPPED);
  constexpr int kAtItsExit = SIGTRAP | PTRACE_EVENT_EXIT << 8;
  CHECK(stop.si_status == kAtItsExit);
  CHECK(scene.strays().leaves_dying(kOne));
  REQUIRE(::ptrace(PTRACE_CONT, family.orphan, nullptr, 0) == 0);
  CHECK(eventually([&] { return !scene.strays().leaves_dying(kOne); }));
  scene.settle();
  scene.strays().forget(kOne);
  CHECK_FALSE(scene.strays().leaves_dying(kOne));
}

TEST_CASE("I4 an orphan that was known as a worker's stays that when it leaves the session") {
  Scene scene;
  const Sleeper other;
  const Family family = make_family();
  scene.strays().add(kOne, family.worker);
  scene.strays().add(kTwo, other.pid());
  scene.settle();
  REQUIRE(::write(family.leave.get(), "", 1) == 1);
  REQUIRE(eventually([&] { return session_of(family.orphan) == family.orphan; }));
  scene.settle();
  CHECK(lives(family.orphan));
  scene.worker_has_gone(kOne, family.worker);
  scene.settle();
  CHECK_FALSE(lives(family.orphan));
}

TEST_CASE("I4 an orphan in a session of its own is told by the environment that it was started with") {
  Scene scene;
  const Sleeper one, two, three;
  const Sleeper orphan(worker_marked(kTwo));
  scene.strays().add(kOne, one.pid());
  scene.strays().add(kTwo, two.pid());
  scene.strays().add(kThree, three.pid());
  scene.settle();
  scene.worker_has_gone(kOne, one.pid());
  scene.settle();
  CHECK(orphan.lives());
  scene.worker_has_gone(kTwo, two.pid());
  scene.settle();
  CHECK_FALSE(orphan.lives());
}

TEST_CASE("I4 an orphan that nothing tells of goes when all workers that were there before it have gone") {
  Scene scene;
  const Sleeper one, two;
  const Sleeper orphan;
  // The kernel counts in hundredths of a second.
  std::unique_ptr<Sleeper> later;
  REQUIRE(eventually([&] {
    later = std::make_unique<Sleeper>();
    return started_at(later->pid()) > started_at(orphan.pid());
  }));
  scene.strays().add(kOne, one.pid());
  scene.strays().add(kTwo, two.pid());
  scene.strays().add(kThree, later->pid());
  scene.settle();
  scene.worker_has_gone(kOne, one.pid());
  scene.settle();
  CHECK(orphan.lives());
  scene.worker_has_gone(kTwo, two.pid());
  scene.settle();
  CHECK_FALSE(orphan.lives());
  CHECK(later->lives());
}

TEST_CASE("I4 many orphans are ended in steps, and reaped when all of them are dead") {
  Scene scene;
  std::vector<pid_t> orphans;
  for (int i = 0; i < 300; ++i) {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) ::pause();
    }
    orphans.push_back(pid);
  }
  const auto dead = [&] { return std::count_if(orphans.begin(), orphans.end(), has_ended); };
  CHECK(scene.strays().patience() == -1);
  scene.strays().look_again();
  for (const int killed : {128, 256, 300}) {
    CHECK(scene.strays().patience() == 0);
    const auto step = scene.strays().step();
    REQUIRE(step.ok());
    CHECK(*step == Strays::Step::went_on);
    REQUIRE(eventually([&] { return dead() == killed; }));
  }
  const auto step = scene.strays().step();
  REQUIRE(step.ok());
  CHECK(*step == Strays::Step::reaped);
  CHECK(dead() == 300 - 128);
  scene.settle();
  for (const pid_t pid : orphans) CHECK(::kill(pid, 0) != 0);
}
