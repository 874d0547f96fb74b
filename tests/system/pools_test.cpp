// SPDX-License-Identifier: Apache-2.0
// I7 Worker programs that do not work: their pool is failing and says why, the others serve.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

std::string script(const TestDaemon& daemon, const std::string& name, const std::string& text, mode_t mode) {
  const auto path = daemon.directory() / name;
  write_file(path, text);
  REQUIRE(::chmod(path.c_str(), mode) == 0);
  return path.string();
}

}  // namespace

TEST_CASE("I7 a pool whose program does not work is failing with the reason, and the others serve") {
  TestDaemon daemon(story_config(), TestDaemon::NotStarted{});
  DaemonConfig config = story_config();
  config.pool("missing", (daemon.directory() / "not-there").string());
  config.pool("forbidden", script(daemon, "forbidden", "#!/bin/sh\nexit 0\n", 0644));
  config.pool("leaving",
              script(daemon, "leaving", "#!/bin/sh\necho cannot read my settings >&2\nexit 3\n", 0755));
  config.pool("silent", script(daemon, "silent", "#!/bin/sh\nexec sleep 600\n", 0755),
              {{"start_timeout", "200ms"}});
  config.pool("babbling",
              script(daemon, "babbling", "#!/bin/sh\necho hello there, daemon >&3\nexec sleep 600\n", 0755));
  daemon.configure(config);
  daemon.start();
  Client client = connect(daemon);
  const auto reason = [&](const std::string& name) {
    CHECK_MESSAGE(eventually([&] { return pool_view(client, name).state == "failing"; }), name);
    return pool_view(client, name).reason;
  };
  CHECK(reason("missing").find("not-there: No such file or directory") != std::string::npos);
  CHECK(reason("forbidden") == (daemon.directory() / "forbidden").string() + ": not executable (chmod +x)");
  CHECK(reason("leaving").find("exit") != std::string::npos);
  CHECK(reason("leaving").find("3") != std::string::npos);
  CHECK(reason("leaving").find("cannot read my settings") != std::string::npos);
  CHECK(reason("silent").find("start_timeout") != std::string::npos);
  CHECK_FALSE(reason("babbling").empty());
  CHECK(pool_view(client, "missing").program.find("not-there") != std::string::npos);

  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
  const StatusView status = client.status();
  CHECK(status.health == "degraded");
  CHECK(status.problems.size() >= 5);
  const std::string refused = thrown_by([&] { (void)client.submit("no.such").value(kPatience); });
  CHECK(refused.find("pool missing is failing") != std::string::npos);
}

// How it grows is tests/unit/decide/pool_test.cpp's business, where the clock is the test's own.
TEST_CASE("I7 a program that does not work is tried again, after a pause that grows") {
  TestDaemon daemon(story_config(), TestDaemon::NotStarted{});
  DaemonConfig config = story_config();
  const auto tries = daemon.directory() / "tries";
  config.pool("leaving",
              script(daemon, "leaving", "#!/bin/sh\necho try >> " + tries.string() + "\nexit 1\n", 0755));
  daemon.configure(config);
  daemon.start();
  Client client = connect(daemon);
  REQUIRE(eventually([&] { return lines_in(tries) >= 3; }));
  // The first pause is 100 ms.
  CHECK(eventually([&] { return pool_view(client, "leaving").retry_in > 200ms; }));
}

TEST_CASE("I7 a pool serves as soon as its program is mended") {
  TestDaemon daemon(story_config(), TestDaemon::NotStarted{});
  const auto program = daemon.directory() / "worker";
  DaemonConfig config;
  config.pool("story", program.string());
  daemon.configure(config);
  daemon.start();
  Client client = connect(daemon);
  REQUIRE(eventually([&] { return pool_view(client, "story").state == "failing"; }));
  std::filesystem::create_symlink(STORY_WORKER, program);
  CHECK(eventually([&] { return pool_view(client, "story").state == "ready"; }, 60s));
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
}

TEST_CASE("a job submitted while its pool is still starting is not refused") {
  TestDaemon daemon(story_config(), TestDaemon::NotStarted{});
  DaemonConfig config;
  config.pool("slow", script(daemon, "slow", "#!/bin/sh\nsleep 0.5\nexec " STORY_WORKER "\n", 0755));
  daemon.configure(config);
  daemon.start();
  Client client = connect(daemon);
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
}
