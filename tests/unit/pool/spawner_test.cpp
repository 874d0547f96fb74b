// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <pwd.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "daemon/spawner/predecessor.hpp"
#include "daemon/spawner/spawner.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/pool/fixture.hpp"

using namespace promised;
using namespace promised::test;

namespace {

std::string reason_for(PoolSettings settings) {
  PoolFixture pool(std::move(settings));
  const WorkerId worker = pool.start();
  auto reason = pool.await<event::WorkerStartFailed>(worker).reason;
  CHECK_FALSE(pool.has<event::WorkerStarted>(worker));
  return reason;
}

std::string reason_for_program(const std::filesystem::path& program) {
  PoolSettings settings = pool_of("basic");
  settings.program = program.string();
  return reason_for(settings);
}

void write_program(const std::filesystem::path& path, const std::string& text) {
  write_file(path, text);
  std::filesystem::permissions(path, std::filesystem::perms(0755));
}

}  // namespace

TEST_CASE("a program that cannot be started says why") {
  const TempDirectory directory;
  const std::string d = directory.path().string();
  CHECK(reason_for_program(directory / "none") == d + "/none: No such file or directory");
  CHECK(reason_for_program(directory.path()) == d + ": is a directory, not a program");
  write_file(directory / "text", "hello");
  CHECK(reason_for_program(directory / "text") == d + "/text: not executable (chmod +x)");
  write_program(directory / "odd", "hello");
  CHECK(reason_for_program(directory / "odd") == d + "/odd: neither a program nor a script with a #! line");
  write_program(directory / "script", "#! /nowhere/python3 -u\n");
  CHECK(reason_for_program(directory / "script") ==
        d + "/script: bad interpreter /nowhere/python3: No such file or directory");
}

TEST_CASE("what is no file is told as what it is, and not waited for") {
  const TempDirectory directory;
  const std::string d = directory.path().string();
  REQUIRE(::mkfifo((d + "/pipe").c_str(), 0755) == 0);
  CHECK(reason_for_program(directory / "pipe") == d + "/pipe: is a named pipe (FIFO), not a program");
  REQUIRE(::mknod((d + "/socket").c_str(), S_IFSOCK | 0755, 0) == 0);
  CHECK(reason_for_program(directory / "socket") == d + "/socket: is a socket, not a program");
  CHECK(reason_for_program("/dev/null") == "/dev/null: is a device, not a program");
}

TEST_CASE("a directory that is not there, or a limit that is not allowed, is named") {
  PoolSettings settings = pool_of("basic");
  settings.directory = "/nowhere";
  CHECK(reason_for(settings) == "directory /nowhere: No such file or directory");
  settings = pool_of("basic");
  settings.open_files = std::uint64_t{1} << 40;
  CHECK(reason_for(settings).starts_with(
      "open_files = 1099511627776: Operation not permitted (the hard limit is "));
}

TEST_CASE("an environment of 100 kB arrives, one above the limit is refused") {
  PoolSettings settings = pool_of("basic");
  const std::string large(100'000, 'e');
  settings.environment["LARGE"] = large;
  PoolFixture pool(settings);
  const WorkerId worker = pool.start_ready();
  CHECK(pool.value_of(worker, "variable", arguments("LARGE")) == Value(large));
  for (int i = 0; i < 30; ++i) settings.environment["LARGE" + std::to_string(i)] = large;
  const std::string reason = reason_for(settings);
  CHECK(reason.starts_with(settings.program + ": arguments and environment have 3"));
  CHECK(reason.ends_with("at most 2097152 are possible"));
}

TEST_CASE("a worker's environment is closed") {
  REQUIRE(::setenv("PROMISED_TEST_LEAK", "leaked", 1) == 0);
  PoolSettings settings = pool_of("basic");
  settings.environment["LANG"] = "de_DE.UTF-8";
  settings.environment["MINE"] = "yes";
  settings.environment["LOGNAME"] = "somebody";
  PoolFixture pool(settings);
  const WorkerId worker = pool.start_ready();
  const auto variable = [&](const std::string& name) {
    return from_value<std::string>(pool.value_of(worker, "variable", arguments(name)));
  };
  CHECK(variable("PROMISED_TEST_LEAK") == "(not set)");
  CHECK(variable("PATH") == "/usr/local/bin:/usr/bin:/bin");
  CHECK(variable("LANG") == "de_DE.UTF-8");
  CHECK(variable("MINE") == "yes");
  CHECK(variable("PROMISED_POOL") == "test");
  CHECK(variable("PROMISED_ENDPOINT") == "ipc:///nowhere");
  CHECK(variable("PROMISED_WORKER") == "1");
  const passwd* account = ::getpwuid(::getuid());
  CHECK(variable("HOME") == (account == nullptr ? "(not set)" : account->pw_dir));
  CHECK(variable("USER") == (account == nullptr ? "(not set)" : account->pw_name));
  CHECK(variable("LOGNAME") == "somebody");  // as its pool says
}

TEST_CASE("I4 what a pool says of the variables that mark a worker is not what marks it") {
  PoolSettings settings = pool_of("basic");
  settings.environment["PROMISED_WORKER"] = "77";
  settings.environment["PROMISED_STATE"] = "0:0/1.1";
  settings.environment["PROMISED_STATES"] = "kept";
  PoolFixture pool(settings);
  const std::string state = "0:" + std::to_string(::getpid());  // of no directory that there is
  const auto marks_of = [&](WorkerId worker) {
    std::vector<std::string> marks;
    const std::string environment = read_file("/proc/" + std::to_string(pool.pid(worker)) + "/environ");
    for (std::size_t at = 0; at < environment.size();) {
      const std::string variable = environment.substr(at, environment.find('\0', at) - at);
      if (variable.starts_with("PROMISED_WORKER") || variable.starts_with("PROMISED_STATE"))
        marks.push_back(variable);
      at += variable.size() + 1;
    }
    return marks;
  };
  CHECK(marks_of(pool.start_ready()) ==
        std::vector<std::string>{"PROMISED_STATES=kept", "PROMISED_WORKER=1"});
  REQUIRE(pool.spawner().take_over(state, {}).ok());
  CHECK(marks_of(pool.start_ready()) ==
        std::vector<std::string>{"PROMISED_STATES=kept", "PROMISED_WORKER=2",
                                 "PROMISED_STATE=" + mark_of(state, pool.spawner().pid())});
}

TEST_CASE(
    "a worker has its own session and process group, its directory, and signals as they are by default") {
  const TempDirectory directory;
  PoolSettings settings = pool_of("basic");
  settings.directory = directory.path().string();
  PoolFixture pool({settings, pool_of("misbehave")});
  const WorkerId worker = pool.start_ready();
  const auto process =
      from_value<std::map<std::string, std::int64_t>>(pool.value_of(worker, "process", arguments()));
  CHECK(process.at("pid") == pool.pid(worker));
  CHECK(process.at("session") == pool.pid(worker));
  CHECK(process.at("group") == pool.pid(worker));
  CHECK(pool.value_of(worker, "directory", arguments()) == Value(directory.path().string()));
  ::signal(SIGPIPE, SIG_IGN);
  const WorkerId other = pool.start_ready(1);
  ::signal(SIGPIPE, SIG_DFL);
  CHECK(from_value<std::map<std::string, bool>>(pool.value_of(other, "signals", arguments())) ==
        std::map<std::string, bool>{{"sigpipe is default", true}, {"nothing is blocked", true}});
}

TEST_CASE("a worker that is killed before it is ready is gone, not forgotten") {
  const TempDirectory directory;
  PoolFixture pool(pool_of("slow_start", {(directory / "go").string()}));
  const WorkerId slow = pool.start();
  const WorkerId killed = pool.start();
  pool.kill(killed, SIGKILL);
  CHECK(pool.await<event::WorkerGone>(killed).signal == SIGKILL);
  CHECK_FALSE(pool.has<event::WorkerReady>(slow));
  write_file(directory / "go", "");
  CHECK(pool.await<event::WorkerReady>(slow).functions ==
        std::vector<FunctionView>{{"nothing", "() -> null"}});
}

TEST_CASE("the spawner is named after its work and ignores the signals that stop a daemon") {
  PoolFixture pool(pool_of("basic"));
  const pid_t spawner = pool.spawner().pid();
  const WorkerId worker = pool.start_ready();
  CHECK(read_file("/proc/" + std::to_string(spawner) + "/comm") == "promised-spawn\n");
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) REQUIRE(::kill(spawner, signal) == 0);
  CHECK(pool.value_of(worker, "add", arguments(1, 1)) == Value(std::int64_t{2}));
  CHECK(pool.start_ready() != worker);
  CHECK_FALSE(is_gone(spawner));
}

TEST_CASE("hundreds of workers can be asked for at once") {
  PoolFixture pool(pool_of("exits", {"0"}));
  std::vector<WorkerId> workers;
  for (int i = 0; i < 400; ++i) workers.push_back(pool.start());
  for (const WorkerId worker : workers) CHECK(pool.await<event::WorkerGone>(worker).exit_code == 0);
}

TEST_CASE("orders for a spawner that is stopped wait for it, and the daemon does not") {
  PoolFixture pool(pool_of("basic"));
  const WorkerId first = pool.start_ready();
  const pid_t spawner = pool.spawner().pid();
  REQUIRE(::kill(spawner, SIGSTOP) == 0);
  siginfo_t stopped{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(spawner), &stopped, WSTOPPED) == 0);
  for (int i = 0; i < 5000; ++i) pool.kill(first, SIGCONT);
  CHECK(pool.spawner().has_unsent());
  // The descriptors of the second one wait too, behind all these.
  const WorkerId second = pool.start();
  pool.kill(first, SIGKILL);
  pool.read(0ms);
  CHECK_FALSE(pool.has<event::WorkerGone>(first));
  REQUIRE(::kill(spawner, SIGCONT) == 0);
  CHECK(pool.await<event::WorkerGone>(first).signal == SIGKILL);
  pool.await<event::WorkerReady>(second);
  CHECK_FALSE(pool.spawner().has_unsent());
}
