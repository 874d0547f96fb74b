// SPDX-License-Identifier: Apache-2.0
// The fixtures themselves: what they promise to notice, they notice.
#include <doctest/doctest.h>

#include <csignal>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

TEST_CASE("a process that its parent has left behind is found with its command line") {
  adopt_orphans();
  CHECK(orphans().empty());
  const Finished parent = run({{"/bin/sh", "-c", "sleep 612 & echo $!"}, {}, {}, {}, {}});
  CHECK(parent.exit == Exit{});
  const pid_t left = std::stoi(parent.out);
  REQUIRE(eventually([&] { return orphans().contains(left); }));
  CHECK(eventually([&] { return orphans()[left] == "sleep 612 "; }));
  ::kill(left, SIGKILL);
  CHECK(eventually([] { return orphans().empty(); }));
}

TEST_CASE("a program that does not end in time is killed, and one that is not there exits with 127") {
  CHECK(run({{"/bin/sleep", "600"}, {}, {}, {}, {}}, 50ms).exit == Exit{0, SIGKILL});
  CHECK(run({{"/no/such/program"}, {}, {}, {}, {}}).exit == Exit{127, 0});
}

TEST_CASE("a daemon that cannot start is an exception with its log and not a hang") {
  DaemonConfig config;
  config.set("daemon", "log_level", "loud");
  try {
    TestDaemon daemon(config);
    FAIL("it started");
  } catch (const std::runtime_error& e) {
    CHECK(std::string(e.what()).find("promised did not start: exit code 1") != std::string::npos);
    CHECK(std::string(e.what()).find("log_level") != std::string::npos);
  }
}
