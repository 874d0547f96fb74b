// SPDX-License-Identifier: Apache-2.0
#include "tests/system/cli/fixture.hpp"

namespace promised::test {
namespace {

TEST_CASE("M1 status is one glance and exit code 0 when all is well") {
  const Shell shell;
  shell.run(kFine, {"run", "add", "1", "1"});
  REQUIRE(eventually([&] { return promisectl(shell.daemon, {"status"}).exit == Exit{}; }));
  const Finished status = shell.run(kFine, {"status"});
  CHECK(status.err.empty());
  CHECK(status.out.starts_with("promised "));
  for (const std::string& part : std::vector<std::string>{
           ": ok, up ", "pid " + std::to_string(shell.daemon.pid()), shell.daemon.endpoint(),
           shell.daemon.state_dir().string(), std::string("1 accepted, 1 finished"),
           std::string("story  ready  "), std::string("customer.older")}) {
    CAPTURE(part);
    CHECK(status.out.find(part) != std::string::npos);
  }
  CHECK(shell.run(kFine, {"status", "--output", "quiet"}).out.empty());
}

TEST_CASE("M5 status in JSON has the pools with their functions and signatures") {
  const Shell shell;
  REQUIRE(eventually([&] { return promisectl(shell.daemon, {"status"}).exit == Exit{}; }));
  const auto status = shell.json(kFine, {"status"});
  CHECK(status.at("health") == "ok");
  CHECK(status.at("pid") == shell.daemon.pid());
  const auto& pool = status.at("pools").at(0);
  CHECK(pool.at("name") == "story");
  CHECK(pool.at("workers") == 2);
  bool found = false;
  for (const auto& function : pool.at("functions")) {
    found = found || (function.at("name") == "add" && function.at("signature") == "(int64, int64) -> int64");
  }
  CHECK(found);
}

TEST_CASE("I7 a pool that cannot start is degraded: exit code 1, with the reason") {
  DaemonConfig config;
  config.pool("broken", "/no/such/worker");
  const TestDaemon daemon(config);
  REQUIRE(eventually([&] { return promisectl(daemon, {"status"}).exit == Exit{kFailed, 0}; }));
  const Finished status = promisectl(daemon, {"status"});
  CHECK(status.out.find("degraded") != std::string::npos);
  CHECK(status.out.find("broken  failing") != std::string::npos);
  CHECK(status.out.find("/no/such/worker: No such file or directory") != std::string::npos);
}

TEST_CASE("M3 a job whose function only a pool could offer that has never started waits for that pool") {
  DaemonConfig config;
  config.pool("broken", "/no/such/worker").set("queue.later", "hold", "yes");
  const TestDaemon daemon(config);
  REQUIRE(eventually([&] { return promisectl(daemon, {"status"}).exit == Exit{kFailed, 0}; }));
  CHECK(promisectl(daemon, {"submit", "report.build", "--queue", "later"}).exit == Exit{});
  CHECK(promisectl(daemon, {"explain", "last", "--output", "quiet"}).out == "pool_failing\nno_function\n");
  const std::string explained = promisectl(daemon, {"explain", "last"}).out;
  CHECK(explained.find("pool broken is failing: ") != std::string::npos);
  CHECK(explained.find("; it has never been ready, and what it offers is not known (in ") !=
        std::string::npos);
  CHECK(explained.find("no other pool offers the function report.build") != std::string::npos);
}

TEST_CASE(
    "C9 status tells of a command's failures since the daemon was started; the runs are listed after it "
    "too") {
  DaemonConfig config;
  config.pool("story", STORY_WORKER);
  config.set("pool.commands", "builtin", "exec").set("pool.commands", "queues", "commands");
  config.set("command.bad", "command", "/bin/sh -c 'exit 3'");
  TestDaemon daemon(config);
  CHECK(promisectl(daemon, {"run", "fail", "no paper"}).exit == Exit{kFailed, 0});
  const auto status = [&] { return promisectl(daemon, {"status"}).out; };
  REQUIRE(eventually([&] { return status().find("command bad has failed") != std::string::npos; }));
  CHECK(daemon.stop() == Exit{});
  daemon.start();
  CHECK(status().find("command bad") == std::string::npos);
  const Finished runs = promisectl(daemon, {"jobs", "--queue", "commands", "--state", "failed"});
  CHECK(runs.out.find("  failed  ") != std::string::npos);
}

TEST_CASE("M1 status tells that the store of the daemon before failed, which is no problem of this one") {
  DaemonConfig config;
  config.pool("story", STORY_WORKER);
  TestDaemon daemon(config, TestDaemon::NotStarted{});
  std::filesystem::create_directory(daemon.state_dir());
  const auto note = daemon.state_dir() / "store-failed";
  write_file(note, "1769853600000000\ncannot write: disk I/O error\n");
  daemon.start();
  const std::string told = "the store failed at 2026-01-31 10:00:00Z: cannot write: disk I/O error";
  CHECK(daemon.log().find("warning: " + told) != std::string::npos);
  const Finished human = promisectl(daemon, {"status"});
  CHECK(human.exit == Exit{});
  CHECK(human.out.find(told) != std::string::npos);
  const auto status = nlohmann::json::parse(promisectl(daemon, {"status", "--output", "json"}).out);
  CHECK(status.at("health") == "ok");
  CHECK(status.at("store").at("failed").at("at") == "2026-01-31T10:00:00.000000Z");
  CHECK(status.at("store").at("failed").at("reason") == "cannot write: disk I/O error");
  CHECK(status.at("store").at("full_since").is_null());
  CHECK(std::filesystem::exists(note));
  CHECK(promisectl(daemon, {"run", "add", "1", "1", "--name", "two"}).exit == Exit{});
  CHECK(eventually([&] { return !std::filesystem::exists(note); }));
  CHECK(promisectl(daemon, {"status"}).out.find(told) != std::string::npos);
  CHECK(daemon.stop() == Exit{});
  daemon.start();
  CHECK(promisectl(daemon, {"status"}).out.find("the store failed") == std::string::npos);
}

}  // namespace
}  // namespace promised::test
