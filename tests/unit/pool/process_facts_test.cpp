// SPDX-License-Identifier: Apache-2.0
// What is known of a process: of one that lives, of a corpse, and of none.
#include "daemon/spawner/process_facts.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

#include "common/untrace.hpp"
#include "common/worker_marks.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/pool/sleeper.hpp"

using namespace promised;
using namespace promised::test;

namespace {

template <class List>
bool contains(const List& all, pid_t pid) {
  return std::find(all.begin(), all.end(), pid) != all.end();
}

std::string number_marked(const std::string& number) {
  return variable(kWorkerVariable, number);
}

}  // namespace

TEST_CASE("of a process that lives all is known") {
  const Sleeper process(number_marked("4294967295"));
  CHECK(contains(all_processes(), process.pid()));
  CHECK(contains(children_of_this_thread().value(), process.pid()));
  CHECK_FALSE(has_ended(process.pid()));
  CHECK(user_of(process.pid()) == ::geteuid());
  CHECK(session_of(process.pid()) == process.pid());
  CHECK(promised::parent_of(process.pid()) == ::getpid());
  CHECK_FALSE(tracer_of(process.pid()).has_value());
  CHECK(started_at(process.pid()) >= started_at(::getpid()));
  CHECK(promised::command_of(process.pid()) == "sleep 600");
  CHECK(variable_of(process.pid(), kWorkerVariable) == "4294967295");
  CHECK_FALSE(variable_of(process.pid(), "PROMISED").has_value());
  CHECK(worker_of(process.pid()) == WorkerId{4294967295});
}

TEST_CASE("a child that is traced and stands still has not ended") {
  const Sleeper process;
  CHECK_FALSE(held_up_at(process.pid()).has_value());
  REQUIRE(::ptrace(PTRACE_SEIZE, process.pid(), nullptr, nullptr) == 0);
  CHECK(tracer_of(process.pid()) == ::getpid());
  REQUIRE(::kill(process.pid(), SIGUSR1) == 0);
  REQUIRE(eventually([&] { return held_up_at(process.pid()) == SIGUSR1; }));
  CHECK_FALSE(has_ended(process.pid()));
  untrace(process.pid(), SIGUSR1);
  CHECK(eventually([&] { return has_ended(process.pid()); }));  // of that signal
  CHECK_FALSE(held_up_at(process.pid()).has_value());
}

TEST_CASE("a corpse is a child that has ended, and nothing tells whose it was") {
  const Sleeper process(number_marked("1"));
  REQUIRE(::kill(process.pid(), SIGKILL) == 0);
  REQUIRE(eventually([&] { return has_ended(process.pid()); }));
  CHECK(contains(children_of_this_thread().value(), process.pid()));
  CHECK_FALSE(started_at(process.pid()).has_value());
  CHECK_FALSE(worker_of(process.pid()).has_value());
  CHECK(promised::command_of(process.pid()) == "sleep");
}

TEST_CASE("of a process that is gone nothing is known") {
  const Sleeper process;
  REQUIRE(::kill(process.pid(), SIGKILL) == 0);
  REQUIRE(::waitpid(process.pid(), nullptr, 0) == process.pid());
  CHECK_FALSE(contains(all_processes(), process.pid()));
  CHECK_FALSE(has_ended(process.pid()));
  CHECK_FALSE(promised::parent_of(process.pid()).has_value());
  CHECK_FALSE(user_of(process.pid()).has_value());
  CHECK_FALSE(session_of(process.pid()).has_value());
  CHECK_FALSE(started_at(process.pid()).has_value());
  CHECK_FALSE(variable_of(process.pid(), kWorkerVariable).has_value());
  CHECK(promised::command_of(process.pid()) == "(gone)");
}

TEST_CASE("I4 what is no number of a worker tells of none") {
  for (const char* number : {"", "x", "1x", " 1", "-1", "4294967296"}) {
    CAPTURE(number);
    const Sleeper process(number_marked(number));
    CHECK(variable_of(process.pid(), kWorkerVariable) == number);
    CHECK_FALSE(worker_of(process.pid()).has_value());
  }
}

TEST_CASE("I4 a process cannot hide when it was started behind its name") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    char byte = 0;
    ::close(ends[1]);
    ::prctl(PR_SET_NAME, "x) Z 1 1 (y");
    while (::read(ends[0], &byte, 1) > 0) {
    }
    ::_exit(0);
  }
  ::close(ends[0]);
  const auto before = started_at(pid);
  CHECK(before.has_value());
  CHECK(eventually([&] { return read_file("/proc/" + std::to_string(pid) + "/comm") == "x) Z 1 1 (y\n"; }));
  CHECK(started_at(pid) == before);
  ::close(ends[1]);
  REQUIRE(::waitpid(pid, nullptr, 0) == pid);
}
