// SPDX-License-Identifier: Apache-2.0
// The configuration that is installed says what the code does: taking the # off every key changes nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/unit/config/fixture.hpp"

namespace promised {
namespace {

/// Whether the line is a key or a section that is commented out: `#key = value`, `#[pool.x]`.
bool is_commented_key(const std::string& line) {
  if (line.size() < 2 || line[0] != '#') return false;
  if (line[1] == '[') return true;
  const auto end = line.find(" =");
  return end != std::string::npos && end > 1 &&
         std::all_of(line.begin() + 1, line.begin() + static_cast<long>(end),
                     [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

std::string shipped(bool with_comments_off, const std::string& pools_dir) {
  std::ifstream in(PROMISED_SHIPPED_CONFIG);
  REQUIRE(in.good());
  std::ostringstream out;
  for (std::string line; std::getline(in, line);) {
    if (with_comments_off && line.starts_with("#pools_dir")) line = "#pools_dir = " + pools_dir;
    if (with_comments_off && is_commented_key(line)) line.erase(0, 1);
    out << line << '\n';
  }
  return out.str();
}

TEST_CASE("the shipped configuration with every comment taken off is the default one") {
  Scene scene;
  scene.environment.uid = 0;
  scene.environment.find_user = [](const std::string&) { return std::optional<uid_t>(7); };
  scene.write("pools/ignored", "");
  // The command that is shown needs a pool, which is an example of its own.
  const std::string pool = "[pool.commands]\nbuiltin = exec\nqueues = commands\n";
  Settings all = scene.settings(shipped(true, scene.path("pools")) + pool);
  const Settings few = scene.settings(shipped(false, ""));
  CHECK(few.pools.empty());
  REQUIRE(all.pools.size() == 2);
  CommandSettings command;
  command.name = "mail-on-failure";
  command.words = {"/usr/local/bin/mail-failure", "--to", "ops"};
  command.functions = {"report.*", "mail.*"};
  command.queues = {"reports"};
  CHECK(all.commands == std::vector<CommandSettings>{command});
  CHECK(few.commands.empty());
  CHECK(all.endpoint == few.endpoint);
  CHECK(all.endpoint_mode == few.endpoint_mode);
  CHECK(all.state_dir == few.state_dir);
  CHECK(all.user == "promised");
  CHECK(few.user == "promised");
  CHECK(all.log_level == Settings().log_level);
  CHECK(all.stop_grace == Settings().stop_grace);
  CHECK(all.limits == Limits());
  CHECK(few.limits == Limits());
  CHECK(all.access == Access());
  PoolSettings wanted;
  wanted.name = "reports";
  wanted.program = "/usr/lib/reports/reports-worker";
  wanted.arguments = {"--verbose", "two words"};
  wanted.queues = {"default", "reports"};
  wanted.functions = {"report.*"};
  wanted.environment = {{"LANG", "C.UTF-8"}};
  wanted.user = "reports";
  CHECK(all.pools[0] == wanted);
  QueueSettings queue;
  queue.name = "reports";
  CHECK(all.queues == std::vector{queue});
  CHECK(all.quotas == std::vector{QuotaSettings{"mailserver", 4}});
}

TEST_CASE("the shipped configuration has every key") {
  const std::string text = shipped(true, "/x");
  for (const char* name : {"endpoint",
                           "endpoint_mode",
                           "state_dir",
                           "user",
                           "log_level",
                           "stop_grace",
                           "pools_dir",
                           "pools",
                           "users",
                           "groups",
                           "everyone",
                           "admins",
                           "max_message",
                           "max_result",
                           "max_jobs",
                           "max_jobs_per_owner",
                           "max_bytes",
                           "max_remembered",
                           "max_name",
                           "max_notes",
                           "max_parts",
                           "max_output",
                           "max_queues",
                           "max_clients",
                           "max_watches",
                           "default_lifespan",
                           "max_lifespan",
                           "keep_unfetched",
                           "keep_tombstones",
                           "max_interruptions",
                           "max_crashes",
                           "max_waiting",
                           "max_subscriptions",
                           "max_subscriptions_per_owner",
                           "max_events",
                           "max_members",
                           "max_callbacks",
                           "program",
                           "arguments",
                           "size",
                           "queues",
                           "functions",
                           "environment",
                           "directory",
                           "prefetch",
                           "memory_limit",
                           "open_files",
                           "cpu_time",
                           "processes",
                           "core_size",
                           "nice",
                           "sandbox",
                           "run_timeout",
                           "kill_grace",
                           "start_timeout",
                           "progress_timeout",
                           "isolation",
                           "idle_time",
                           "recycle_jobs",
                           "recycle_time",
                           "recycle_memory"}) {
    const std::string key = name;
    CAPTURE(key);
    CHECK(text.find("\n" + key + " =") != std::string::npos);
  }
}

}  // namespace
}  // namespace promised
