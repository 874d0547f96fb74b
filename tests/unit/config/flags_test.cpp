// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/config/fixture.hpp"

namespace promised {
namespace {

std::string refusal(const Scene& scene, const std::vector<std::string>& arguments,
                    const std::string& code = "usage") {
  const auto invocation = scene.run(arguments);
  REQUIRE_FALSE(invocation.ok());
  CHECK(invocation.problem().code == code);
  return invocation.problem().message;
}

TEST_CASE("flags override the file") {
  const Scene scene;
  const std::string file =
      scene.write("p.conf", "[daemon]\nendpoint = ipc:///run/x.sock\nstate_dir = /x\nlog_level = error\n");
  const auto invocation = scene.run({"--config=" + file, "--endpoint", "ipc:///run/y.sock", "--state-dir",
                                     "state", "--log-level", "debug"});
  REQUIRE(invocation.ok());
  CHECK(invocation->action == Invocation::Action::run);
  CHECK(invocation->settings.endpoint == "ipc:///run/y.sock");
  CHECK(invocation->settings.state_dir == scene.path("state"));
  CHECK(invocation->settings.log_level == "debug");
}

TEST_CASE("a relative --config starts at the working directory") {
  const Scene scene;
  scene.write("p.conf", "[daemon]\nlog_level = error\n");
  const auto invocation = scene.run({"--config", "p.conf"});
  REQUIRE(invocation.ok());
  CHECK(invocation->settings.config_file == scene.path("p.conf"));
  CHECK(invocation->settings.log_level == "error");
}

TEST_CASE("--pool makes a pool without any file") {
  const Scene scene;
  const auto invocation = scene.run({"--pool", "docs=/bin/docs -v 'a b'", "--pool", "here=./worker"});
  REQUIRE(invocation.ok());
  const auto& pools = invocation->settings.pools;
  REQUIRE(pools.size() == 2);
  CHECK(pools[0].name == "docs");
  CHECK(pools[0].program == "/bin/docs");
  CHECK(pools[0].arguments == std::vector<std::string>{"-v", "a b"});
  CHECK(pools[1].program == scene.path("worker"));
}

TEST_CASE("E3 a --pool that cannot be is told") {
  const Scene scene;
  CHECK(refusal(scene, {"--pool", "docs"}, "config") ==
        "--pool docs: expected NAME=PROGRAM, such as docs=/usr/bin/docs-worker");
  CHECK(refusal(scene, {"--pool", "a b=/x"}, "config") ==
        "--pool a b=/x: expected a pool's name of 1 to 64 letters, digits, '-', '_' and '.', found 'a b'");
  CHECK(refusal(scene, {"--pool", "a=worker"}, "config") ==
        "--pool a=worker: expected the path of a worker program, such as ./worker, after the =");
  CHECK(refusal(scene, {"--pool", "a='x"}, "config") == "--pool a='x: the quote ' is not closed");
  CHECK(refusal(scene, {"--pool", "a=/x", "--pool", "a=/y"}, "config") ==
        "--pool a=/y: a pool 'a' exists already: --pool a=/x");
}

TEST_CASE("a wrong command line is told, with the nearest flag") {
  const Scene scene;
  CHECK(refusal(scene, {"--chekc"}) ==
        "unknown option '--chekc'; did you mean --check or --help? (see promised --help)");
  CHECK(refusal(scene, {"--conf", "x"}).starts_with("unknown option '--conf'; did you mean --config"));
  CHECK(refusal(scene, {"start"}) == "promised takes options only (see promised --help)");
  CHECK(refusal(scene, {"--config"}) ==
        "the required argument for option '--config' is missing (see promised --help)");
  CHECK(refusal(scene, {"--endpoint", "tcp://x"})
            .starts_with("--endpoint: expected ipc:// and an absolute path"));
  CHECK(refusal(scene, {"--log-level", "loud"}) ==
        "--log-level: expected debug, info, warning or error, found 'loud'");
}

TEST_CASE("--version and --help answer without reading a configuration") {
  const Scene scene;
  const auto version = scene.run({"--version", "--config", "/no/such/file"});
  REQUIRE(version.ok());
  CHECK(version->action == Invocation::Action::version);
  CHECK(version->text == "promised " PROMISED_VERSION "\n");
  const auto help = scene.run({"--help"});
  REQUIRE(help.ok());
  CHECK(help->action == Invocation::Action::help);
  for (const std::string& flag :
       std::vector<std::string>{"--config FILE", "--check", "--pool NAME=PROGRAM", "--endpoint",
                                "--state-dir", "--log-level", "--user-daemon", "--version", "--help"}) {
    CAPTURE(flag);
    CHECK(help->text.find(flag) != std::string::npos);
  }
}

}  // namespace
}  // namespace promised
