// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/unit/config/fixture.hpp"

namespace promised {
namespace {

Settings started(const Scene& scene, const std::vector<std::string>& arguments = {}) {
  auto invocation = scene.run(arguments);
  if (!invocation) FAIL(invocation.problem().message);
  return invocation->settings;
}

TEST_CASE("root without a configuration gets the system's places") {
  Scene scene;
  scene.environment.uid = 0;
  const Settings s = started(scene);
  CHECK(s.config_file.empty());
  CHECK(s.endpoint == "ipc:///run/promised/promised.sock");
  CHECK(s.state_dir == "/var/lib/promised");
}

TEST_CASE("root reads the system's configuration and its pools.d if they exist") {
  Scene scene;
  scene.environment.uid = 0;
  scene.write("etc/promised.conf", "[daemon]\nuser = bob\n");
  scene.write("etc/pools.d/a.conf", "[pool.a]\nprogram = /a\n");
  const Settings s = started(scene);
  CHECK(s.config_file == scene.path("etc/promised.conf"));
  CHECK(s.user == "bob");
  CHECK(s.pools.size() == 1);
}

TEST_CASE("an ordinary user gets the places that the XDG variables name") {
  Scene scene;
  scene.environment.variables = {{"XDG_CONFIG_HOME", scene.path("c")},
                                 {"XDG_RUNTIME_DIR", scene.path("r")},
                                 {"XDG_STATE_HOME", scene.path("s")}};
  scene.write("c/promised/promised.conf", "[daemon]\nlog_level = error\n");
  const Settings s = started(scene);
  CHECK(s.config_file == scene.path("c/promised/promised.conf"));
  CHECK(s.endpoint == "ipc://" + scene.path("r/promised/promised.sock"));
  CHECK(s.state_dir == scene.path("s/promised"));
  CHECK(s.log_level == "error");
}

TEST_CASE("without XDG variables the home folder and /run/user serve") {
  Scene scene;
  scene.environment.variables = {{"HOME", scene.path("h")}, {"XDG_STATE_HOME", "relative/is/ignored"}};
  scene.write("h/.config/promised/promised.conf", "[daemon]\nlog_level = error\n");
  std::filesystem::create_directories(scene.path("run-user/1000"));
  const Settings s = started(scene);
  CHECK(s.log_level == "error");
  CHECK(s.endpoint == "ipc://" + scene.path("run-user/1000/promised/promised.sock"));
  CHECK(s.state_dir == scene.path("h/.local/state/promised"));
}

TEST_CASE("without HOME and a runtime folder the account's home and /tmp/promised-UID serve") {
  const Scene scene;
  const Settings s = started(scene);
  CHECK(s.endpoint == "ipc://" + scene.path("tmp/promised-1000/promised.sock"));
  CHECK(s.state_dir == scene.path("home/.local/state/promised"));
}

TEST_CASE("--user-daemon gives root a daemon of its own") {
  Scene scene;
  scene.environment.uid = 0;
  scene.write("etc/promised.conf", "[daemon]\nuser = bob\n");
  const Settings s = started(scene, {"--user-daemon"});
  CHECK(s.config_file.empty());
  CHECK(s.state_dir == scene.path("home/.local/state/promised"));
}

TEST_CASE("a default endpoint that does not fit into a socket address is told") {
  Scene scene;
  scene.environment.variables = {{"XDG_RUNTIME_DIR", "/" + std::string(120, 'x')}};
  const auto invocation = scene.run({});
  REQUIRE_FALSE(invocation.ok());
  CHECK(invocation.problem().message.starts_with(
      "the default endpoint does not do: the path of a socket has at most 107 bytes, but '/xxx"));
  CHECK(invocation.problem().message.ends_with("name another with --endpoint or endpoint = in [daemon]"));
  CHECK(scene.run({"--endpoint", "ipc:///run/x.sock"}).ok());
}

TEST_CASE("the real environment knows its user and its variables") {
  const Environment environment = Environment::of_process();
  CHECK(environment.find_user("root") == std::optional<uid_t>(0));
  CHECK(environment.find_group("root") == std::optional<gid_t>(0));
  CHECK_FALSE(environment.find_user("no-such-user-here").has_value());
  CHECK(environment.system_config.ends_with("/promised/promised.conf"));
  CHECK(environment.working_directory == std::filesystem::current_path().string());
  CHECK(environment.variable("PATH").has_value());
}

}  // namespace
}  // namespace promised
