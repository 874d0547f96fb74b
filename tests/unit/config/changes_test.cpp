// SPDX-License-Identifier: Apache-2.0
// E6 What a configuration that was read anew changes, and what it can not.
#include "daemon/config/changes.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "tests/unit/config/fixture.hpp"

namespace promised {
namespace {

using config::apply_changes;
using Names = std::vector<std::string>;

TEST_CASE("E6 nothing that is the same is told") {
  const Scene scene;
  const Settings before = scene.settings("[pool.a]\nprogram = /a\n[limits]\nmax_jobs = 5\n");
  Settings current = before;
  CHECK(apply_changes(current, before).empty());
}

TEST_CASE("E6 pools are told by what becomes of their workers") {
  const Scene scene;
  Settings current = scene.settings(
      "[pool.same]\nprogram = /a\n[pool.size]\nprogram = /a\n[pool.program]\nprogram = "
      "/a\n[pool.old]\nprogram = /a\n");
  const Settings next = scene.settings(
      "[pool.same]\nprogram = /a\n[pool.size]\nprogram = /a\nsize = 2\n[pool.program]\nprogram = /b\n"
      "[pool.new]\nprogram = /a\n");
  ReloadReport wanted;
  wanted.added = {"new"};
  wanted.removed = {"old"};
  wanted.replaced = {"program"};
  wanted.adjusted = {"size"};
  CHECK(apply_changes(current, next) == wanted);
  CHECK(current.pools == next.pools);
}

TEST_CASE("E6 a key is in force at once, or stays as it was and is told to need a restart") {
  Scene scene;
  struct Case {
    std::string section, key, value;
    bool at_once;
  };
  const std::vector<Case> cases{{"daemon", "endpoint", "ipc:///run/other.sock", false},
                                {"daemon", "endpoint_mode", "0660", false},
                                {"daemon", "state_dir", "/srv/other", false},
                                {"daemon", "large_result", "8KiB", false},
                                {"daemon", "user", "bob", false},
                                {"daemon", "log_level", "debug", true},
                                {"daemon", "stop_grace", "7s", true},
                                {"access", "users", "alice", true},
                                {"access", "groups", "staff", true},
                                {"access", "everyone", "yes", true},
                                {"access", "admins", "bob", true},
                                {"access", "shared", "shared/:read:*", true},
                                {"limits", "max_message", "2MiB", false},
                                {"limits", "max_result", "2MiB", false},
                                {"limits", "max_unread", "300MiB", false},
                                {"limits", "max_jobs", "7", true},
                                {"limits", "max_jobs_per_owner", "7", true},
                                {"limits", "max_bytes", "7MiB", true},
                                {"limits", "max_bytes_per_owner", "7MiB", true},
                                {"limits", "max_remembered", "7", true},
                                {"limits", "max_remembered_per_owner", "7", true},
                                {"limits", "max_clients", "7", true},
                                {"limits", "max_clients_per_owner", "7", false},
                                {"limits", "max_watches", "7", true},
                                {"limits", "max_watches_per_owner", "7", true},
                                {"limits", "max_in_memory", "7", false},
                                {"limits", "max_queues", "7", true},
                                {"limits", "max_unwritten", "300MiB", true},
                                {"limits", "max_name", "7", true},
                                {"limits", "max_notes", "7KiB", false},
                                {"limits", "max_parts", "7MiB", false},
                                {"limits", "default_lifespan", "7s", true},
                                {"limits", "max_lifespan", "7d", true},
                                {"limits", "keep_unfetched", "7s", true},
                                {"limits", "keep_tombstones", "7s", true},
                                {"limits", "max_tombstones", "7", false},
                                {"limits", "allow_forever", "yes", true},
                                {"limits", "max_interruptions", "7", true},
                                {"limits", "max_subscriptions", "7", true},
                                {"limits", "max_subscriptions_per_owner", "7", true},
                                {"limits", "max_events", "7", true}};
  for (const Case& c : cases) {
    CAPTURE(c.key);
    // The mode of the socket follows [access] where nobody says it.
    const std::string mode = c.key == "endpoint_mode" ? "" : "[daemon]\nendpoint_mode = 0600\n";
    const std::string section = c.section == "daemon" && !mode.empty() ? "" : "[" + c.section + "]\n";
    const Settings before = scene.settings(mode);
    const Settings next = scene.settings(mode + section + c.key + " = " + c.value + "\n");
    Settings current = before;
    const ReloadReport report = apply_changes(current, next);
    const Names key{c.section + "." + c.key};
    CHECK(report.changed == (c.at_once ? key : Names{}));
    CHECK(report.needs_restart == (c.at_once ? Names{} : key));
    CHECK(current.limits == (c.at_once ? next : before).limits);
    CHECK(current.access == (c.at_once ? next : before).access);
    CHECK(current.endpoint == before.endpoint);
    CHECK(current.state_dir == before.state_dir);
    CHECK(current.log_level == (c.at_once ? next : before).log_level);
    CHECK(current.stop_grace == (c.at_once ? next : before).stop_grace);
    CHECK(apply_changes(current, next).needs_restart == report.needs_restart);
  }
}

TEST_CASE("E6 a file in the program's place is told from the one before") {
  Scene scene;
  scene.environment.file_version = Environment::of_process().file_version;
  const std::string program = scene.write("worker", "one");
  const std::string text = "[pool.a]\nprogram = " + program + "\n";
  Settings current = scene.settings(text);
  CHECK_FALSE(current.pools.at(0).program_version.empty());
  CHECK(apply_changes(current, scene.settings(text)).empty());
  scene.write("other", "two and more");
  std::filesystem::rename(scene.path("other"), program);
  CHECK(apply_changes(current, scene.settings(text)).replaced == Names{"a"});
  std::filesystem::remove(program);
  CHECK(apply_changes(current, scene.settings(text)).replaced == Names{"a"});
  CHECK(apply_changes(current, scene.settings(text)).empty());
}

}  // namespace
}  // namespace promised
