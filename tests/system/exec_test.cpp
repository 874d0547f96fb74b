// SPDX-License-Identifier: Apache-2.0
// I8: the built-in function exec runs a command line as a job.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "tests/support/proc.hpp"
#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

using Words = std::vector<std::string>;
using Ended = std::map<std::string, Value>;

DaemonConfig shell_config(const DaemonConfig::Lines& lines = {}) {
  DaemonConfig config;
  config.set("pool.shell", "builtin", "exec");
  for (const auto& [key, value] : lines) config.set("pool.shell", key, value);
  return config;
}

Ended outcome_of(Client& client, const Words& words, std::vector<std::pair<std::string, Value>> named = {}) {
  const Arguments arguments{{to_value(words)}, std::move(named)};
  return from_value<Ended>(client.submit_arguments({}, "exec", arguments).value(kPatience));
}

Ended expected(int status, const std::string& out, const std::string& err = {}) {
  return {{"exit_status", Value(std::int64_t{status})}, {"stdout", Value(out)}, {"stderr", Value(err)}};
}

/// That it ends by `SIGTERM` after it has cleaned up, which takes a while: then `file` is there.
std::string cleaning(const std::filesystem::path& file, const std::string& and_then = "exit 0") {
  return "trap 'sleep 0.3; echo cleaned >> " + file.string() + "; " + and_then + "' TERM; echo ready > " +
         file.string() + ".ready; while :; do sleep 0.02; done";
}
bool is_ready(const std::filesystem::path& file) {
  return eventually([&] { return std::filesystem::exists(file.string() + ".ready"); });
}
AnyFuture start(Client& client, const std::string& line, const Options& options = {}) {
  return client.submit_arguments(options, "exec", {{to_value(Words{"sh", "-c", line})}, {}});
}

/// How often it has gone to sleep by itself.
std::uint64_t sleeps_of(pid_t pid) {
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/status");
  constexpr std::string_view kKey = "\nvoluntary_ctxt_switches:";
  const std::size_t at = status.find(kKey);
  REQUIRE(at != std::string::npos);
  return std::stoull(status.substr(at + kKey.size()));
}

std::string failure_of(Client& client, const Words& words,
                       std::vector<std::pair<std::string, Value>> named = {}) {
  const Arguments arguments{{to_value(words)}, std::move(named)};
  const auto failure = client.submit_arguments({}, "exec", arguments).failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::exception);
  return failure->message;
}

}  // namespace

TEST_CASE("I8 exec is off until a pool has it") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  CHECK(thrown_by([&] { (void)outcome_of(client, {"true"}); }).starts_with("RefusedError no_function"));
}

TEST_CASE("I8 exec runs a command without a shell; its status and output come back, whatever the status is") {
  TestDaemon daemon(shell_config());
  Client client = connect(daemon);
  CHECK(outcome_of(client, {"echo", "$HOME", "two words"}) == expected(0, "$HOME two words\n"));
  CHECK(outcome_of(client, {"/bin/sh", "-c", "echo fine; echo bad >&2; exit 3"}) ==
        expected(3, "fine\n", "bad\n"));
  CHECK(outcome_of(client, {"sh", "-c", "kill -9 $$"}) ==
        Ended{{"signal", Value(std::int64_t{SIGKILL})}, {"stdout", Value("")}, {"stderr", Value("")}});
}

TEST_CASE("I8 a command that has itself traced by its parent ends as it would without") {
  TestDaemon daemon(shell_config());
  Client client = connect(daemon);
  const std::string traced =
      "import ctypes, os, signal; assert ctypes.CDLL(None).ptrace(0, 0, None, None) == 0; ";
  CHECK(outcome_of(client, {"python3", "-c", traced + "os.execvp('echo', ['echo', 'on'])"}) ==
        expected(0, "on\n"));
  CHECK(outcome_of(client, {"python3", "-c", traced + "os.kill(os.getpid(), signal.SIGUSR1)"}) ==
        Ended{{"signal", Value(std::int64_t{SIGUSR1})}, {"stdout", Value("")}, {"stderr", Value("")}});
}

TEST_CASE("I8 exec gives the command a directory, variables and an input") {
  TestDaemon daemon(shell_config({{"environment.MINE", "pool"}}));
  Client client = connect(daemon);
  CHECK(outcome_of(client, {"pwd"}, {{"cwd", Value("/usr")}}) == expected(0, "/usr\n"));
  const Value variables(Value::Map{{Value("YOURS"), Value("job")}});
  CHECK(outcome_of(client, {"sh", "-c", "echo $MINE $YOURS"}, {{"env", variables}}) ==
        expected(0, "pool job\n"));
  CHECK(outcome_of(client, {"cat"}) == expected(0, ""));
  const std::string large(300'000, 'x');
  CHECK(outcome_of(client, {"wc", "-c"}, {{"stdin", Value(large)}}) == expected(0, "300000\n"));
  CHECK(outcome_of(client, {"true"}, {{"stdin", Value(large)}}) == expected(0, ""));  // nobody reads it
}

TEST_CASE(
    "I8 of what a command writes the end is kept; what it leaves in the background does not hold the job "
    "up") {
  TestDaemon daemon(shell_config());
  Client client = connect(daemon);
  const auto outcome =
      outcome_of(client, {"sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x; echo end; sleep 600 &"});
  const std::string out = from_value<std::string>(outcome.at("stdout"));
  CHECK(out.size() == 64 << 10);
  CHECK(out.ends_with("xend\n"));
}

TEST_CASE("I8 a command that cannot be started, or arguments that make no sense, fail the job and say why") {
  TestDaemon daemon(shell_config());
  Client client = connect(daemon);
  CHECK(failure_of(client, {"no-such-program"}) == "no-such-program: No such file or directory");
  CHECK(failure_of(client, {"/etc/passwd"}) == "/etc/passwd: Permission denied");
  CHECK(failure_of(client, {"true"}, {{"cwd", Value("/nowhere")}}) == "/nowhere: No such file or directory");
  CHECK(failure_of(client, {}) == "exec: expected a program and its arguments, found nothing");
  CHECK(failure_of(client, {"true"}, {{"dir", Value("/")}}) ==
        "exec: expected cwd, env, stdin or check by name, found dir");
  CHECK(failure_of(client, {"true"}, {{"stdin", Value(true)}}) == "exec: stdin: expected text, found bool");
  CHECK(failure_of(client, {std::string("echo\0x", 6)}) == "exec: the command: a zero byte cannot be in it");
  CHECK(failure_of(client, {"true"}, {{"cwd", Value("")}}) ==
        "exec: cwd: expected a directory, found nothing");
  CHECK(failure_of(client, {"true"}, {{"env", to_value(std::map<std::string, std::string>{{"A=B", "c"}})}}) ==
        "exec: env: expected names of variables, found 'A=B'");
}

TEST_CASE("I8 a command has the limits of any job, and ends with it") {
  TestDaemon daemon(shell_config({{"run_timeout", "2s"}, {"kill_grace", "100ms"}}));
  Client client = connect(daemon);
  const auto pid_file = (daemon.directory() / "pid").string();
  const Arguments arguments{{to_value(Words{"sh", "-c", "echo $$ > " + pid_file + "; sleep 600"})}, {}};
  const auto failure = client.submit_arguments({}, "exec", arguments).failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::timed_out);
  const pid_t pid = std::stoi(read_file(pid_file));
  CHECK(eventually([&] { return ::kill(pid, 0) != 0; }));
}

TEST_CASE("I8 T3 X1 a command that is told to stop, and what it has started, can clean up") {
  for (const char* isolation : {"worker", "job"}) {
    CAPTURE(isolation);
    TestDaemon daemon(shell_config({{"kill_grace", "60s"}, {"isolation", isolation}}));
    Client client = connect(daemon);
    const auto file = [&](const std::string& name) { return daemon.directory() / name; };

    const auto late = start(client, cleaning(file("late")), Options().run_timeout(2s));
    const auto failure = late.failure(kPatience);
    REQUIRE(failure);
    CHECK(failure->cause == Cause::timed_out);
    CHECK(failure->limit == "run_timeout");
    CHECK(read_file(file("late")) == "cleaned\n");

    const auto behind = start(client, "(" + cleaning(file("behind")) + ") & wait", Options().run_timeout(2s));
    CHECK(behind.failure(kPatience)->cause == Cause::timed_out);
    CHECK(read_file(file("behind")) == "cleaned\n");

    const auto cancelled = start(client, cleaning(file("cancelled")));
    REQUIRE(is_ready(file("cancelled")));
    const auto began = std::chrono::steady_clock::now();
    CHECK(cancelled.cancel());
    CHECK(thrown_by([&] { (void)cancelled.value(kPatience); }).starts_with("CancelledError: "));
    CHECK(std::chrono::steady_clock::now() - began < 50s);  // it is told before the grace is over
    CHECK(read_file(file("cancelled")) == "cleaned\n");
    CHECK(outcome_of(client, {"echo", "on"}) == expected(0, "on\n"));
    CHECK(pool_view(client, "shell").crashes == 0);
  }
}

TEST_CASE("I4 I8 X1 a run that is killed has ended when its command has, whatever environment that has") {
  for (const char* isolation : {"worker", "job"}) {
    CAPTURE(isolation);
    TestDaemon daemon(shell_config({{"size", "3"}, {"isolation", isolation}}));
    Client client = connect(daemon);
    const auto file = daemon.directory() / "pid";
    const auto job = start(client, "echo $$ > " + file.string() + "; exec env -i sleep 600");
    REQUIRE(eventually([&] { return lines_in(file) == 1; }));
    const pid_t command = std::stoi(read_file(file));
    REQUIRE(eventually([&] { return command_of(command).starts_with("sleep"); }));
    CHECK(job.cancel(CancelOptions().now()));
    CHECK(thrown_by([&] { (void)job.value(kPatience); }).starts_with("CancelledError: "));
    CHECK(is_gone(command));
  }
}

TEST_CASE("I3 a command has the limit of open files that the daemon was started with") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit few{512, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  {
    TestDaemon daemon(shell_config());
    Client client = connect(daemon);
    CHECK(outcome_of(client, {"sh", "-c", "ulimit -Sn"}) == expected(0, "512\n"));
    const Ended hard = outcome_of(client, {"sh", "-c", "ulimit -Hn"});
    CHECK(hard != expected(0, "512\n"));
  }
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE("I8 while its command runs and writes nothing a worker sleeps") {
  for (const char* isolation : {"worker", "job"}) {
    CAPTURE(isolation);
    TestDaemon daemon(shell_config({{"isolation", isolation}}));
    Client client = connect(daemon);
    const auto file = [&](const std::string& name) { return (daemon.directory() / name).string(); };
    const auto job = start(client, "echo $PPID > " + file("pid") + "; sleep 1; echo > " + file("late") +
                                       "; until [ -e " + file("end") + " ]; do sleep 0.02; done");
    REQUIRE(eventually([&] { return lines_in(file("pid")) == 1; }));
    const pid_t worker = std::stoi(read_file(file("pid")));
    const std::uint64_t before = sleeps_of(worker);
    REQUIRE(eventually([&] { return std::filesystem::exists(file("late")); }));
    CHECK(sleeps_of(worker) <= before + 1);  // it may not have been asleep yet
    write_file(file("end"), "");
    CHECK_FALSE(job.failure(kPatience));
  }
}

TEST_CASE("I8 X1 a command is told to stop once, and killed when it does not") {
  for (const char* isolation : {"worker", "job"}) {
    CAPTURE(isolation);
    TestDaemon daemon(shell_config({{"kill_grace", "2s"}, {"isolation", isolation}}));
    Client client = connect(daemon);
    const auto file = daemon.directory() / "told";
    const auto job = start(client, cleaning(file, ":"));
    REQUIRE(is_ready(file));
    CHECK(job.cancel());
    CHECK(thrown_by([&] { (void)job.value(kPatience); }).starts_with("CancelledError: "));
    CHECK(read_file(file) == "cleaned\n");
  }
}

TEST_CASE("I3 I8 what a command has left is reaped as it ends, and holds no place among its processes") {
  for (const char* isolation : {"worker", "job"}) {
    CAPTURE(isolation);
    TestDaemon daemon(shell_config({{"isolation", isolation}}));
    Client client = connect(daemon);
    const auto file = [&](const std::string& name) { return (daemon.directory() / name).string(); };
    const auto job =
        start(client, "for i in 1 2 3 4 5 6 7 8 9 10; do (true &); done; (sleep 600 &); echo $PPID > " +
                          file("pid") + "; until [ -e " + file("end") + " ]; do sleep 0.02; done; echo well");
    REQUIRE(eventually([&] { return lines_in(file("pid")) == 1; }));
    const pid_t worker = std::stoi(read_file(file("pid")));
    // The command, and what it has left and goes on.
    CHECK(eventually([&] { return children_of(worker).size() == 2; }));
    write_file(file("end"), "");
    CHECK(from_value<Ended>(job.value(kPatience)) == expected(0, "well\n"));
  }
}

TEST_CASE("I3 I8 a command with a limit of processes may start any number of them one after the other" *
          doctest::skip(::geteuid() != 0)) {
  TestDaemon daemon(shell_config({{"processes", "100"}, {"user", "games"}}));
  Client client = connect(daemon);  // the limit counts all that the user has: no other test has this one
  CHECK(outcome_of(client,
                   {"sh", "-c", "i=0; while [ $i -lt 500 ]; do (true &); i=$((i + 1)); done; echo well"}) ==
        expected(0, "well\n"));
}

TEST_CASE("I3 I8 a command has exactly cpu_time, and over it the job is timed out like any other") {
  for (const char* isolation : {"worker", "job"}) {
    CAPTURE(isolation);
    TestDaemon daemon(shell_config({{"cpu_time", "1s"}, {"isolation", isolation}}));
    Client client = connect(daemon);
    CHECK(outcome_of(client, {"sh", "-c", "ulimit -S -t"}) == expected(0, "1\n"));
    const auto failure = start(client, "echo busy; while :; do :; done").failure(kPatience);
    REQUIRE(failure);
    CHECK(failure->cause == Cause::timed_out);
    CHECK(failure->limit == "cpu_time");
    CHECK(failure->message == "it used more than cpu_time (1s) of the processor");
    CHECK(failure->user + failure->system >= 900ms);
    CHECK(failure->output == "busy\n");
    CHECK(failure->backtrace.empty());
  }
}

TEST_CASE("I8 promisectl run exec prints how the command ended and what it wrote") {
  TestDaemon daemon(shell_config());
  const Finished ran = promisectl(daemon, {"run", "exec", R"(["pwd"])", "--named", "cwd=/usr"});
  CHECK(ran.exit == Exit{});
  CHECK(ran.out == R"({"exit_status":0,"stderr":"","stdout":"/usr\n"})"
                   "\n");
}

TEST_CASE("I8 who says check has a failure where the command does not end well, with its last words") {
  TestDaemon daemon(shell_config());
  Client client = connect(daemon);
  const std::vector<std::pair<std::string, Value>> check{{"check", Value(true)}};
  CHECK(outcome_of(client, {"echo", "fine"}, check) == expected(0, "fine\n"));
  CHECK(failure_of(client, {"sh", "-c", "echo out; echo no disk >&2; exit 3"}, check) ==
        "exec: sh exited with status 3; it wrote: no disk");
  CHECK(failure_of(client, {"sh", "-c", "echo out; exit 1"}, check) ==
        "exec: sh exited with status 1; it wrote: out");
  CHECK(failure_of(client, {"sh", "-c", "kill -9 $$"}, check) == "exec: sh was killed by signal 9");
}
