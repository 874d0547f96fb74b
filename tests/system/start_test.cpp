// SPDX-License-Identifier: Apache-2.0
// Starting and stopping: what systemd and administrators see.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

// `promised` run to its end with these arguments.
Finished run_promised(std::vector<std::string> arguments) {
  Program program;
  program.command = {daemon_binary()};
  program.command.insert(program.command.end(), arguments.begin(), arguments.end());
  return run(std::move(program));
}

}  // namespace

TEST_CASE("E4 a second daemon on the same state directory refuses to start and names the first") {
  TestDaemon first(story_config());
  const TempDirectory elsewhere;
  DaemonConfig config;
  config.set("daemon", "endpoint", "ipc://" + (elsewhere / "second.sock").string());
  config.set("daemon", "state_dir", first.state_dir().string());
  write_file(elsewhere / "promised.conf", config.text());
  const Finished second = run_promised({"--config", (elsewhere / "promised.conf").string()});
  CHECK(second.exit.code != 0);
  CHECK(second.exit.signal == 0);
  CHECK(second.err.find(first.state_dir().string()) != std::string::npos);
  CHECK(second.err.find(std::to_string(first.pid())) != std::string::npos);
  Client client = connect(first);
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
}

TEST_CASE("E4 a second daemon on the same endpoint refuses to start and leaves the first alone") {
  TestDaemon first(story_config());
  const TempDirectory elsewhere;
  DaemonConfig config;
  config.set("daemon", "endpoint", first.endpoint());
  config.set("daemon", "state_dir", (elsewhere / "state").string());
  write_file(elsewhere / "promised.conf", config.text());
  const Finished second = run_promised({"--config", (elsewhere / "promised.conf").string()});
  CHECK(second.exit.code != 0);
  CHECK(second.exit.signal == 0);
  CHECK(second.err.find(first.endpoint()) != std::string::npos);
  CHECK(second.err.find(std::to_string(first.pid())) != std::string::npos);
  Client client = connect(first);
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
}

TEST_CASE("a socket that a killed daemon has left behind does not keep the next one from starting") {
  TestDaemon daemon(story_config());
  daemon.kill9();
  REQUIRE(std::filesystem::exists(daemon.socket_path()));
  daemon.start();
  Client client = connect(daemon);
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
}

TEST_CASE("E3 --check says that a configuration is good, and starts nothing") {
  TestDaemon daemon(story_config(), TestDaemon::NotStarted{});
  const Finished good = run_promised({"--check", "--config", daemon.config_file().string()});
  CHECK(good.exit == Exit{});
  CHECK(good.out.find("ok") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(daemon.state_dir()));
}

TEST_CASE("E3 a misspelt key stops the start with file and line and the nearest key") {
  TestDaemon daemon(story_config(), TestDaemon::NotStarted{});
  write_file(daemon.config_file(), "[daemon]\n\nendpiont = ipc:///tmp/x\n");
  for (const bool check : {true, false}) {
    std::vector<std::string> arguments{"--config", daemon.config_file().string()};
    if (check) arguments.emplace_back("--check");
    const Finished bad = run_promised(arguments);
    CHECK(bad.exit.code != 0);
    CHECK(bad.exit.signal == 0);
    CHECK(bad.err.find(daemon.config_file().string() + ":3: unknown key 'endpiont'") != std::string::npos);
    CHECK(bad.err.find("did you mean endpoint") != std::string::npos);
  }
}

TEST_CASE("E3 a limit above what the database can hold stops the start, and --check tells it") {
  TestDaemon daemon(story_config(), TestDaemon::NotStarted{});
  write_file(daemon.config_file(), "[limits]\nmax_message = 1GiB\n");
  for (const bool check : {true, false}) {
    std::vector<std::string> arguments{"--config", daemon.config_file().string()};
    if (check) arguments.emplace_back("--check");
    const Finished bad = run_promised(arguments);
    CHECK(bad.exit == Exit{1, 0});
    CHECK(bad.err.find(daemon.config_file().string() + ":2: max_message: expected at most 900MiB") !=
          std::string::npos);
  }
}

TEST_CASE("E3 a configuration that is not there stops the start and is named") {
  const Finished missing = run_promised({"--config", "/nonexistent/promised.conf"});
  CHECK(missing.exit.code != 0);
  CHECK(missing.err.find("/nonexistent/promised.conf") != std::string::npos);
}

TEST_CASE("E6 SIGTERM lets running jobs end, keeps what waits, and exits with 0") {
  TestDaemon daemon(story_config(1, {{"prefetch", "1"}}).set("daemon", "stop_grace", "60s"));
  const auto gate = daemon.directory() / "gate";
  const auto tally = daemon.directory() / "tally";
  Client client = connect(daemon);
  const auto running = client.submit<std::int64_t>(Options().remember("running", 60s), "tally_and_wait",
                                                   tally.string(), gate.string());
  REQUIRE(eventually([&] { return lines_in(tally) == 1; }));
  const auto waiting = client.submit<std::int64_t>(Options().remember("waiting", 60s), "add", 1, 2);
  waiting.accepted(kPatience);
  daemon.signal(SIGTERM);
  CHECK(eventually([&] { return daemon.notifications().find("STOPPING=1") != std::string::npos; }));
  // What the stopping daemon does not take is for the one that comes after it.
  const auto late = client.submit<std::int64_t>("add", 20, 1);
  CHECK_THROWS_AS(late.accepted(200ms), TimeoutError);
  CHECK(daemon.running());
  write_file(gate, "");
  CHECK(daemon.wait() == Exit{});
  daemon.start();
  CHECK(running.result(kPatience) > 0);
  CHECK(waiting.result(kPatience) == 3);
  CHECK(late.result(kPatience) == 21);
  CHECK_MESSAGE(lines_in(tally) == 1, "the job that had its time to end must not run again");
  CHECK(daemon.log().find("stopping: 1 running job has 1min to end\n") != std::string::npos);
}

TEST_CASE("E6 a daemon that has nothing to do stops without talking of jobs") {
  TestDaemon daemon(story_config());
  CHECK(daemon.stop() == Exit{});
  CHECK(daemon.log().find("stopping: no job is running\n") != std::string::npos);
  CHECK(daemon.log().find("grace") == std::string::npos);
  CHECK(daemon.notifications().find("STATUS=no job is running") != std::string::npos);
}

TEST_CASE("E4 a daemon that stops removes its socket, and leaves the lock file for the next") {
  TestDaemon daemon(story_config());
  const std::filesystem::path lock = daemon.socket_path().string() + ".lock";
  CHECK(std::filesystem::exists(daemon.socket_path()));
  CHECK(daemon.stop() == Exit{});
  CHECK_FALSE(std::filesystem::exists(daemon.socket_path()));
  CHECK(std::filesystem::exists(lock));
  daemon.start();
  CHECK(std::filesystem::exists(daemon.socket_path()));
}

TEST_CASE("E4 a daemon that stops leaves a socket that has taken the place of its own") {
  TestDaemon daemon(story_config());
  const std::filesystem::path own = daemon.socket_path().string() + ".own";
  const int other = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  daemon.socket_path().string().copy(address.sun_path, sizeof address.sun_path - 1);
  std::filesystem::rename(daemon.socket_path(), own);
  REQUIRE(::bind(other, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  CHECK(daemon.stop() == Exit{});
  CHECK(std::filesystem::is_socket(daemon.socket_path()));
  ::close(other);
}

TEST_CASE("E6 a job that is not done within stop_grace is interrupted and runs again after the start") {
  TestDaemon daemon(story_config(1).set("daemon", "stop_grace", "100ms"));
  const auto gate = daemon.directory() / "gate";
  const auto tally = daemon.directory() / "tally";
  Client client = connect(daemon);
  const auto job = client.submit<std::int64_t>("tally_and_wait", tally.string(), gate.string());
  REQUIRE(eventually([&] { return lines_in(tally) == 1; }));
  CHECK(daemon.stop() == Exit{});
  write_file(gate, "");
  daemon.start();
  CHECK(job.result(kPatience) > 0);
  CHECK(lines_in(tally) == 2);
}

TEST_CASE("E6 a daemon stops though a worker does not hear that it is to go") {
  DaemonConfig config = story_config(1).set("daemon", "stop_grace", "10min");
  TestDaemon daemon(config.set("pool.story", "kill_grace", "50ms"));
  Client client = connect(daemon);
  const auto worker = client.submit<pid_t>("worker_of").result(kPatience);
  REQUIRE(::kill(worker, SIGSTOP) == 0);
  CHECK(daemon.stop() == Exit{});
  CHECK(daemon.log().find("stopping: no job is running") != std::string::npos);
}

TEST_CASE("E6 a second SIGTERM stops at once") {
  TestDaemon daemon(story_config(1).set("daemon", "stop_grace", "10min"));
  const auto gate = daemon.directory() / "gate";
  Client client = connect(daemon);
  const auto job = client.submit<std::int64_t>("wait_for", gate.string());
  REQUIRE(eventually([&] { return job.running(); }));
  daemon.signal(SIGTERM);
  REQUIRE(eventually([&] { return daemon.notifications().find("STOPPING=1") != std::string::npos; }));
  daemon.signal(SIGTERM);
  CHECK(daemon.wait() == Exit{});
  write_file(gate, "");
}

TEST_CASE("systemd is told READY, a status, the watchdog's heartbeat and STOPPING") {
  TestDaemon daemon(story_config(), TestDaemon::NotStarted{});
  daemon.start({{"WATCHDOG_USEC", "200000"}});
  CHECK(daemon.notifications().find("READY=1") != std::string::npos);
  CHECK(daemon.notifications().find("STATUS=") != std::string::npos);
  const auto heartbeats = [&] {
    const std::string all = daemon.notifications();
    int count = 0;
    for (auto at = all.find("WATCHDOG=1"); at != std::string::npos; at = all.find("WATCHDOG=1", at + 1))
      ++count;
    return count;
  };
  CHECK(eventually([&] { return heartbeats() >= 3; }));
  CHECK(daemon.stop() == Exit{});
  CHECK(daemon.notifications().find("STOPPING=1") != std::string::npos);
}

TEST_CASE("started by a user without configuration it serves that user below the XDG directories") {
  const TempDirectory directory;
  directory.open_to_everyone();
  adopt_orphans();
  Program program;
  program.command = {daemon_binary()};
  program.output = directory / "log";
  for (const char* name : {"XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"}) {
    program.environment[name] = (directory / name).string();
    if (::geteuid() == 0) {
      std::filesystem::create_directory(directory / name);
      REQUIRE(::chown((directory / name).c_str(), kStranger, kStranger) == 0);
    } else {
      std::filesystem::create_directory(directory / name);
    }
  }
  if (::geteuid() == 0) program.user = kStranger;
  Process daemon(program);
  const auto socket = directory.path() / "XDG_RUNTIME_DIR" / "promised" / "promised.sock";
  CHECK(eventually([&] { return std::filesystem::exists(socket) || daemon.poll(); }));
  {
    ClientOptions options;
    options.endpoint = "ipc://" + socket.string();
    options.connect_timeout = kPatience;
    Client client(options);
    const StatusView status = client.status(kPatience);
    CHECK(status.pid == daemon.pid());
    CHECK(status.state_dir == (directory.path() / "XDG_STATE_HOME" / "promised").string());
  }
  CHECK(std::filesystem::exists(directory.path() / "XDG_STATE_HOME" / "promised" / "promised.db"));
  daemon.signal(SIGTERM);
  const auto exit = daemon.wait();
  CHECK_MESSAGE(exit == Exit{}, read_file(directory / "log"));
  CHECK(eventually([] { return orphans().empty(); }));
}
