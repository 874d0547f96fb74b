// SPDX-License-Identifier: Apache-2.0
// E6, M4 promisectl reload.
#include "tests/system/cli/fixture.hpp"

using namespace promised;
using namespace promised::test;

TEST_CASE("M4 reload tells what has changed, for people and for programs") {
  Shell shell(1);
  CHECK(shell.run(kFine, {"reload"}).out == "nothing has changed\n");
  DaemonConfig config;
  config.pool("story", STORY_WORKER, {{"size", "2"}, {"kill_grace", "300ms"}});
  config.pool("more", STORY_WORKER);
  config.set("daemon", "large_result", "8KiB");
  config.limit("max_jobs", "1000");
  shell.daemon.configure(config);
  CHECK(shell.run(kFine, {"reload"}).out ==
        "pool more: added\n"
        "pool story: changed; its workers go on\n"
        "limits.max_jobs: in force now\n"
        "daemon.large_result: needs a restart\n");
  config.set("pool.story", "environment.RELEASE", "2");
  config.set("daemon", "large_result", "1MiB");
  shell.daemon.configure(config);
  const auto json = shell.json(kFine, {"reload"});
  CHECK(json.at("replaced") == nlohmann::json{"story"});
  CHECK(json.at("added").empty());
  CHECK(json.at("needs_restart").empty());
  DaemonConfig fewer;
  fewer.pool("more", STORY_WORKER);
  shell.daemon.configure(fewer);
  const std::string told = shell.run(kFine, {"reload"}).out;
  CHECK(told.find("pool story: removed; its workers end what they run\n") != std::string::npos);
  CHECK(shell.run(kFine, {"reload", "--output", "quiet"}).out.empty());
}

TEST_CASE("M4 reload tells what is wrong with the configuration, and exits with 4") {
  Shell shell(1);
  DaemonConfig bad;
  bad.set("daemon", "log_level", "loud");
  shell.daemon.configure(bad);
  const Finished refused = shell.run(kRefused, {"reload"});
  CHECK(refused.out.empty());
  CHECK(refused.err.find(shell.daemon.config_file().string() + ":") != std::string::npos);
  CHECK(refused.err.find("log_level: expected debug, info, warning or error, found 'loud'") !=
        std::string::npos);
  const std::string error = shell.run(kRefused, {"reload", "--output", "json"}).err;
  CHECK(nlohmann::json::parse(error).at("error").at("code") == "config");
}
