// SPDX-License-Identifier: Apache-2.0
// E6 The configuration is read anew while the daemon works, on SIGHUP or when an administrator asks: changed
// pools roll over without losing a job.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <vector>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

using Names = std::vector<std::string>;

/// A daemon with one pool, whose program is a file of its own: the story worker, started by a script.
class OwnProgram {
 public:
  OwnProgram() : daemon(story_config(), TestDaemon::NotStarted{}) {
    install();
    daemon.configure(DaemonConfig().pool("story", program.string()));
    daemon.start();
  }
  /// Puts another file in the program's place, with these lines before the worker starts.
  void install(const std::string& before = {}) const {
    const auto next = daemon.directory() / "next";
    write_file(next, "#!/bin/sh\n" + before + "\nexec " STORY_WORKER "\n");
    REQUIRE(::chmod(next.c_str(), 0755) == 0);
    std::filesystem::rename(next, program);
  }
  /// The process of the worker that runs this.
  std::int64_t worker(Client& client) const {
    return client.submit<std::int64_t>("tally", (daemon.directory() / "ran").string()).result(kPatience);
  }

  TestDaemon daemon;
  const std::filesystem::path program = daemon.directory() / "worker";
};

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("E6 SIGHUP reads the configuration anew, and systemd is told when it begins and ends") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  daemon.configure(story_config(3));
  daemon.signal(SIGHUP);
  CHECK(eventually([&] { return pool_view(client, "story").workers == 3; }));
  CHECK(eventually([&] { return count(daemon.notifications(), "READY=1") == 2; }));
  const std::string told = daemon.notifications();
  const auto begun = told.find("RELOADING=1\nMONOTONIC_USEC=");
  REQUIRE(begun != std::string::npos);
  CHECK(told.find("READY=1", begun) != std::string::npos);
  CHECK(daemon.log().find("the configuration was read anew: pools adjusted: story") != std::string::npos);
}

TEST_CASE("E6 Q6 functions says what is offered of what a program registers, and a reload says it anew") {
  DaemonConfig config = story_config(1);
  config.set("pool.story", "functions", "ad*, tally");
  TestDaemon daemon(config);
  Client client = connect(daemon);
  const auto file = (daemon.directory() / "ran").string();
  const auto worker = client.submit<std::int64_t>("tally", file).result(kPatience);
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
  CHECK(thrown_by([&] {
          (void)client.submit("echo", 1).value(kPatience);
        }).find("functions in [pool.story] does not let it through") != std::string::npos);
  CHECK(Names{"add", "tally"} == [&] {
    Names offered;
    for (const FunctionView& function : pool_view(client, "story").functions)
      offered.push_back(function.name);
    return offered;
  }());
  config.set("pool.story", "functions", "echo, tally");
  daemon.configure(config);
  CHECK(client.reload().adjusted == Names{"story"});
  CHECK(client.submit<std::int64_t>("echo", 1).result(kPatience) == 1);
  CHECK(thrown_by([&] { (void)client.submit("add", 1, 1).value(kPatience); }).find("no_function") !=
        std::string::npos);
  CHECK(client.submit<std::int64_t>("tally", file).result(kPatience) == worker);
  config.set("pool.story", "functions", "nothing.*");
  daemon.configure(config);
  CHECK(client.reload().adjusted == Names{"story"});
  CHECK(pool_view(client, "story").state == "failing");
  CHECK(pool_view(client, "story")
            .reason.find("functions = nothing.* in [pool.story] lets through none of what "
                         "it registers: ") != std::string::npos);
}

TEST_CASE("E6 I5 a user that no pool had at the start takes a restart, and the reload says so") {
  DaemonConfig config = story_config(1);
  TestDaemon daemon(config);
  Client client = connect(daemon);
  config.set("pool.story", "user", "nobody");
  daemon.configure(config);
  const ReloadReport report = client.reload();
  CHECK(report.replaced == Names{"story"});
  CHECK(report.needs_restart == Names{"pool.story.user"});
  CHECK(eventually([&] { return pool_view(client, "story").state == "failing"; }));
  CHECK(pool_view(client, "story").reason.find("no pool had this user when the daemon was started") !=
        std::string::npos);
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);  // the old worker serves
}

TEST_CASE("E6 a bad configuration changes nothing, and is told with file and line") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto file = (daemon.directory() / "ran").string();
  const auto worker = client.submit<std::int64_t>("tally", file).result(kPatience);
  DaemonConfig bad = story_config(3);
  bad.set("pool.story", "sizes", "3");
  daemon.configure(bad);
  const std::string refused = thrown_by([&] { client.reload(); });
  CHECK(refused.starts_with("RefusedError config: " + daemon.config_file().string() + ":"));
  CHECK(refused.find("unknown key 'sizes' in [pool.story]; did you mean size?") != std::string::npos);
  CHECK(daemon.log().find("the configuration stays as it was: " + daemon.config_file().string()) !=
        std::string::npos);
  CHECK(eventually([&] {
    return daemon.notifications().find("the configuration could not be read anew: ") != std::string::npos;
  }));
  CHECK(pool_view(client, "story").size == 1);
  CHECK(client.submit<std::int64_t>("tally", file).result(kPatience) == worker);
  CHECK(client.status().health == "ok");
}

TEST_CASE("E6 a configuration without any pool is refused, unless it says that this is meant") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  daemon.configure(DaemonConfig());
  CHECK(thrown_by([&] { client.reload(); }) ==
        "RefusedError config: " + daemon.config_file().string() +
            ": there is no pool in it, and all pools that are there would go; if that is meant, say pools = "
            "none in [daemon]");
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
  daemon.configure(DaemonConfig().set("daemon", "pools", "none"));
  CHECK(client.reload().removed == Names{"story"});
  CHECK(eventually([&] { return client.status(kPatience).pools.empty(); }));
  CHECK(client.reload().empty());
}

TEST_CASE("E6 a pool that has not changed keeps its workers, one whose program was replaced gets new ones") {
  const OwnProgram own;
  Client client = connect(own.daemon);
  const auto first = own.worker(client);
  CHECK(client.reload().empty());
  CHECK(own.worker(client) == first);
  own.install("# another release");
  CHECK(client.reload().replaced == Names{"story"});
  CHECK(eventually([&] { return own.worker(client) != first; }));
  CHECK(eventually([&] { return pool_view(client, "story").draining == 0; }));
  CHECK(pool_view(client, "story").crashes == 0);
}

TEST_CASE("E6 a program that was away during a reload is another one when it is back") {
  const OwnProgram own;
  Client client = connect(own.daemon);
  std::filesystem::remove(own.program);
  CHECK(client.reload().replaced == Names{"story"});
  CHECK(eventually([&] { return pool_view(client, "story").state == "failing"; }));
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);  // the old worker serves
  own.install("# another release");
  CHECK(client.reload().replaced == Names{"story"});
  CHECK(eventually([&] { return pool_view(client, "story").state == "ready"; }));
}

TEST_CASE("E6 while the new program does not work the old workers serve, and the pool is failing") {
  const OwnProgram own;
  Client client = connect(own.daemon);
  const auto first = own.worker(client);
  own.install("echo there is no license >&2; exit 3");
  client.reload();
  CHECK(eventually([&] { return pool_view(client, "story").state == "failing"; }));
  CHECK(pool_view(client, "story").reason.find("there is no license") != std::string::npos);
  CHECK(own.worker(client) == first);
  own.install();
  client.reload();
  CHECK(eventually([&] { return pool_view(client, "story").state == "ready"; }));
  CHECK(eventually([&] { return own.worker(client) != first; }));
  CHECK(client.status().health == "ok");
}

TEST_CASE("E6 a removed pool lets its job end, a new one starts, and the daemon says what it cannot change") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  auto running = client.submit<std::int64_t>("wait_for", gate.string());
  REQUIRE(eventually([&] { return pool_view(client, "story").busy == 1; }));
  auto waiting = client.submit<std::int64_t>("wait_for", gate.string());
  waiting.accepted(kPatience);
  DaemonConfig other;
  other.set("daemon", "large_result", "8KiB");
  other.limit("max_jobs", "1000");
  DaemonConfig none = other;
  daemon.configure(none.set("daemon", "pools", "none"));
  const ReloadReport report = client.reload();
  CHECK(report.removed == Names{"story"});
  CHECK(report.changed == Names{"limits.max_jobs"});
  CHECK(report.needs_restart == Names{"daemon.large_result"});
  CHECK(pool_view(client, "story").state == "draining");
  CHECK(thrown_by([&] {
          (void)client.submit("add", 1, 1).value(kPatience);
        }).starts_with("RefusedError no_function"));
  CHECK(client.show(waiting.id()).reason == "no pool offers the function wait_for");
  write_file(gate, "");
  CHECK(running.result(kPatience) > 0);
  CHECK(eventually([&] { return client.status().pools.empty(); }));
  CHECK(client.show(waiting.id()).state == State::pending);
  DaemonConfig again = other;
  again.pool("again", STORY_WORKER);
  daemon.configure(again);
  CHECK(client.reload().added == Names{"again"});
  CHECK(waiting.result(kPatience) > 0);
}

TEST_CASE("E6 reloaded again and again under load, no job is lost and none runs twice") {
  TestDaemon daemon(story_config(2));
  Client client = connect(daemon);
  constexpr int kReleases = 8;
  constexpr std::size_t kJobs = 250;  // that are there each time
  const auto file = daemon.directory() / "ran";
  std::vector<Future<std::int64_t>> jobs;
  for (int release = 0; release < kReleases; ++release) {
    for (std::size_t i = 0; i < kJobs; ++i)
      jobs.push_back(client.submit<std::int64_t>("tally", file.string()));
    daemon.configure(story_config(1 + release % 3, {{"environment.RELEASE", std::to_string(release)}}));
    CHECK(client.reload().replaced == Names{"story"});
    CHECK_FALSE(daemon.notifications().empty());  // as systemd, which reads what it is told
  }
  const std::int64_t first = jobs.front().result(kPatience);
  // All may have run before the first of the new workers was ready: what comes later is for these.
  CHECK(eventually([&] {
    jobs.push_back(client.submit<std::int64_t>("tally", file.string()));
    return jobs.back().result(kPatience) != first;
  }));
  for (auto& job : jobs) CHECK(job.result(kPatience) > 0);
  CHECK(lines_in(file) == jobs.size());
  CHECK(pool_view(client, "story").crashes == 0);
  CHECK(pool_view(client, "story").finished == jobs.size());
}

// Run as root, because a second user is needed.
TEST_CASE("E6 limits and access are in force at once" * doctest::skip(::geteuid() != 0)) {
  TestDaemon daemon(story_config(1).for_everyone());
  daemon.directory().open_to_everyone();
  const auto health = [&] { return connect(daemon).status().health; };
  CHECK(in_other_process(health, kStranger) == "ok");
  DaemonConfig closed = story_config(1);
  closed.limit("max_name", "5");
  closed.set("daemon", "endpoint_mode", "0666");
  daemon.configure(closed);
  CHECK(promisectl(daemon, {"reload"}).out ==
        "access.everyone: in force now\nlimits.max_name: in force now\n");
  CHECK(in_other_process(health, kStranger).find("may not use this daemon") != std::string::npos);
  Client client = connect(daemon);
  CHECK(thrown_by([&] {
          client.submit<std::int64_t>("add", 1, 1).remember("longer", 1min).result(kPatience);
        }).find("max_name") != std::string::npos);
}
