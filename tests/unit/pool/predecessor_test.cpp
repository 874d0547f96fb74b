// SPDX-License-Identifier: Apache-2.0
// I4: what an earlier daemon left running is told by the mark that it carries, and by nothing less.
#include "daemon/spawner/predecessor.hpp"

#include <doctest/doctest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "common/worker_marks.hpp"
#include "tests/unit/pool/sleeper.hpp"

using namespace promised;
using namespace promised::test;

namespace {

constexpr uid_t kStranger = 65534;

// A pid that nobody has any more.
pid_t ended_process() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
  return pid;
}

// Of no directory that there is.
const std::string kState = "0:" + std::to_string(::getpid());

std::string mark_variable(const std::string& mark) {
  return variable(kStateVariable, mark);
}

}  // namespace

TEST_CASE(
    "I4 a process whose spawner has ended is killed and named; one of another state or a living spawner is "
    "not") {
  const std::string dead = std::to_string(ended_process()) + ".1";
  const Sleeper left(mark_variable(kState + "/" + dead));
  const Sleeper other_state(mark_variable(kState + "1/" + dead));
  const Sleeper spawner_lives(mark_variable(mark_of(kState, ::getpid())));
  const Sleeper number_taken_over(mark_variable(kState + "/" + std::to_string(::getpid()) + ".1"));
  const Sleeper unmarked("PROMISED_WORKER=1");
  const std::array users{::geteuid()};
  const auto ended = end_left_by_predecessor(kState, users);
  REQUIRE(ended.size() == 2);
  CHECK(std::find(ended.begin(), ended.end(), Leftover{left.pid(), "sleep 600"}) != ended.end());
  CHECK_FALSE(left.lives());
  CHECK_FALSE(number_taken_over.lives());
  CHECK(other_state.lives());
  CHECK(spawner_lives.lives());
  CHECK(unmarked.lives());
  CHECK(end_left_by_predecessor(kState, users).empty());
}

TEST_CASE("I4 what a stopped spawner does not end is killed, and the spawner goes on") {
  const auto stopped = [](const char* name) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_NAME, name);
      ::raise(SIGSTOP);
      ::_exit(0);
    }
    siginfo_t info{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED) == 0);
    return pid;
  };
  const pid_t spawner = stopped("promised-spawn"), other = stopped("another");
  const Sleeper left(mark_variable(mark_of(kState, spawner)));
  const Sleeper of_another(mark_variable(mark_of(kState, other)));
  const std::array users{::geteuid()};
  CHECK(end_left_by_predecessor(kState, users) == std::vector{Leftover{left.pid(), "sleep 600"}});
  CHECK_FALSE(left.lives());
  CHECK(of_another.lives());
  siginfo_t end{};
  CHECK(eventually([&] {
    return ::waitid(P_PID, static_cast<id_t>(spawner), &end, WEXITED | WNOHANG) == 0 && end.si_pid == spawner;
  }));
  CHECK(::waitid(P_PID, static_cast<id_t>(other), &end, WCONTINUED | WEXITED | WNOHANG) == 0);
  CHECK(end.si_pid == 0);
  for (const pid_t pid : {spawner, other}) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}

TEST_CASE("I4 a process of a user for whom the daemon does not work is left alone, whatever it carries") {
  const Sleeper mine(mark_variable(kState + "/1.1"));
  const std::array stranger{kStranger};
  const std::array<uid_t, 0> nobody_at_all{};
  CHECK(end_left_by_predecessor(kState, nobody_at_all).empty());
  if (::geteuid() != kStranger) CHECK(end_left_by_predecessor(kState, stranger).empty());
  CHECK(mine.lives());
}

TEST_SUITE_BEGIN("other users" * doctest::skip(::geteuid() != 0));

TEST_CASE("I4 root finds what other users' workers left, also where it may not trace them") {
  const Sleeper left(mark_variable(kState + "/1.1"), kStranger);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> sets{};
    if (::syscall(SYS_capget, &head, sets.data()) != 0) ::_exit(2);
    for (const int off : {CAP_SYS_PTRACE, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN}) {
      sets[0].effective &= ~(1U << off);
      sets[0].permitted &= ~(1U << off);
    }
    if (::syscall(SYS_capset, &head, sets.data()) != 0) ::_exit(3);
    const std::array users{kStranger};
    ::_exit(end_left_by_predecessor(kState, users).size() == 1 ? 0 : 4);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK_FALSE(left.lives());
}

TEST_SUITE_END();
