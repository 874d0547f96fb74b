// SPDX-License-Identifier: Apache-2.0
// A spawner that does not work, because a job of its own user has stopped it, or something else keeps it: the
// daemon does not wait for it for ever.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "tests/support/proc.hpp"
#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

DaemonConfig stuns(const char* stop_grace) {
  DaemonConfig config;
  config.pool("stunned", worker_binary("stuns"), {{"size", "1"}});
  return config.set("daemon", "stop_grace", stop_grace);
}

pid_t spawner_of(const TestDaemon& daemon) {
  return children_of(daemon.pid()).at(0);
}

/// Whether it is stopped by a signal.
bool is_stopped(pid_t pid) {
  return read_file("/proc/" + std::to_string(pid) + "/status").find("\nState:\tT") != std::string::npos;
}

/// Held by this process: no signal but SIGKILL moves it.
class Held {
 public:
  explicit Held(pid_t pid) : pid_(pid) {
    REQUIRE(::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0);
    REQUIRE(::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) == 0);
    REQUIRE(::waitpid(pid, nullptr, __WALL) == pid);
  }
  /// As whoever holds it hears first.
  [[nodiscard]] bool is_killed() const {
    int status = 0;
    return ::waitpid(pid_, &status, __WALL | WNOHANG) == pid_ && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGKILL;
  }

 private:
  pid_t pid_;
};

}  // namespace

TEST_CASE(
    "I4 E6 a spawner that a job has stopped goes on: workers are replaced, and the daemon ends in time") {
  TestDaemon daemon(stuns("1s"));
  Client client = connect(daemon);
  const pid_t spawner = spawner_of(daemon);
  const auto worker = client.submit<std::int64_t>("process").result(kPatience);
  client.submit("stop_parent").result(kPatience);
  REQUIRE(::kill(static_cast<pid_t>(worker), SIGKILL) == 0);
  CHECK(client.submit<std::int64_t>("process").result(kPatience) != worker);
  CHECK(daemon.log().find("the spawner process (pid " + std::to_string(spawner) +
                          ") was stopped (SIGSTOP) by somebody, and has been told to go on; times so far: "
                          "1. A job can do that which runs as the spawner's user: give its pool a user of "
                          "its own") != std::string::npos);
  client.submit("stop_parent").result(kPatience);
  CHECK(daemon.stop() == Exit{});
}

TEST_CASE("I4 when the daemon is killed, a spawner that is stopped goes on and ends what is left") {
  TestDaemon daemon(stuns("1s"));
  const pid_t spawner = spawner_of(daemon);
  daemon.signal(SIGSTOP);  // so that it does not hear of it
  REQUIRE(eventually([&] { return is_stopped(daemon.pid()); }));
  REQUIRE(::kill(spawner, SIGSTOP) == 0);
  REQUIRE(eventually([&] { return is_stopped(spawner); }));
  daemon.kill9();
  CHECK(is_gone(spawner));
}

TEST_CASE(
    "E6 a spawner that does not end its workers is killed after five seconds, or at a further SIGTERM") {
  for (const bool insists : {false, true}) {
    CAPTURE(insists);
    TestDaemon daemon(stuns("10ms"));
    const pid_t spawner = spawner_of(daemon);
    const Held held(spawner);
    const auto told = std::chrono::steady_clock::now();
    daemon.signal(SIGTERM);
    CHECK(eventually([&] { return daemon.log().find(" still there are killed") != std::string::npos; }));
    if (insists) {
      daemon.signal(SIGTERM);
      CHECK(eventually([&] { return held.is_killed(); }, 4s));
    } else {
      CHECK(eventually([&] { return held.is_killed(); }));
      CHECK(std::chrono::steady_clock::now() - told >= 5s);
    }
    CHECK(daemon.await_end() == Exit{1, 0});
    const std::string name = "the spawner process (pid " + std::to_string(spawner) + ")";
    CHECK(daemon.log().find(name + " has not ended its workers in time: it was killed, and its workers with "
                                   "it") != std::string::npos);
    CHECK(daemon.log().find(name + " has ended") != std::string::npos);
  }
}
