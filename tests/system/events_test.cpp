// SPDX-License-Identifier: Apache-2.0
// C9: clients watch what happens to jobs, and commands follow outcomes.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

/// The next event, as "KIND FUNCTION".
std::string next(Events& events) {
  const JobEvent event = *events.next(kPatience);
  return std::string(to_string(event.kind)) + " " + event.function;
}

/// The story's pool, one with exec for the commands alone, and a command that adds the event to `file`.
DaemonConfig commanding(const std::filesystem::path& file, const std::string& outcomes) {
  DaemonConfig config = story_config();
  config.set("pool.commands", "builtin", "exec").set("pool.commands", "queues", "commands");
  config.set("command.note", "outcomes", outcomes);
  config.set("command.note", "command",
             "/bin/sh -c 'echo $PROMISED_EVENT $PROMISED_CAUSE $(cat) >> " + file.string() + "'");
  return config;
}

std::string read_if_there(const std::filesystem::path& file) {
  return std::filesystem::exists(file) ? read_file(file) : std::string();
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE(
    "C9 one client watches what another's jobs do, from the subscription on, as far as its filter goes") {
  TestDaemon daemon(story_config(1));
  Client submitter = connect(daemon);
  Client watcher = connect(daemon);
  CHECK(submitter.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
  Events all = watcher.events();
  Events ends = watcher.events({.kinds = {EventKind::succeeded, EventKind::failed}, .name_prefix = "n"});
  const auto job = submitter.submit<std::int64_t>(Options().remember("name", 1min), "add", 1, 2);
  CHECK(job.result(kPatience) == 3);
  (void)submitter.submit("fail", "no").wait(kPatience);
  for (const char* expected :
       {"accepted add", "started add", "succeeded add", "accepted fail", "started fail"})
    CHECK(next(all) == expected);
  const JobEvent failed = *all.next(kPatience);
  CHECK(failed.kind == EventKind::failed);
  CHECK(failed.failure.cause == Cause::exception);
  const JobEvent end = *ends.next(kPatience);
  CHECK(end.kind == EventKind::succeeded);
  CHECK(end.id == job.id());
  CHECK(end.name == "name");
  CHECK(thrown_by([&] { (void)ends.next(std::chrono::milliseconds(1)); }).starts_with("TimeoutError"));
}

TEST_CASE("C9 S7 a subscription goes on with the daemon that comes after a kill, and the gap is told") {
  TestDaemon daemon(story_config(1));
  Client submitter = connect(daemon);
  Client watcher = connect(daemon);
  Events events = watcher.events();
  CHECK(submitter.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
  for (const char* expected : {"accepted add", "started add", "succeeded add"})
    CHECK(next(events) == expected);
  daemon.restart_after_kill();
  const JobEvent gap = *events.next(kPatience);
  CHECK(gap.kind == EventKind::lost);
  CHECK(gap.lost == 0);
  watcher.reach();
  (void)watcher.status();  // behind the subscription
  CHECK(submitter.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
  for (const char* expected : {"accepted add", "started add", "succeeded add"})
    CHECK(next(events) == expected);
}

TEST_CASE("C9 M6 a user does not hear of another's jobs" * doctest::skip(::geteuid() != 0)) {
  TestDaemon daemon(story_config(1).for_everyone());
  daemon.directory().open_to_everyone();
  const std::string gate = daemon.directory() / "gate";
  (void)in_other_process([&] {
    Client client = connect(daemon);
    client.submit("wait_for", gate).accepted(kPatience);
    return std::string();
  });
  const std::string heard = in_other_process(
      [&] {
        Client client = connect(daemon);
        Events own = client.events({.kinds = {EventKind::succeeded}});
        write_file(gate, "");
        (void)client.submit("add", 1, 1).value(kPatience);  // behind the other's, on the only worker
        const std::string first = next(own);
        return first + ", " + thrown_by([&] { (void)client.events({.owner = 0}); });
      },
      kStranger);
  CHECK(heard ==
        "succeeded add, RefusedError not_permitted: only an administrator may watch the jobs of user 0, and "
        "user "
        "65534 is none (section [access], key admins, says who is)");
}

TEST_CASE("C9 a reader that does not read is told how much it has missed; the jobs do not wait for it") {
  TestDaemon daemon(story_config(2).limit("max_events", "10"));
  Client submitter = connect(daemon);
  Client watcher = connect(daemon);
  Events events = watcher.events({.kinds = {EventKind::succeeded}});
  constexpr std::uint64_t kJobs = 3000;
  std::vector<Future<std::int64_t>> futures;
  for (std::uint64_t i = 0; i < kJobs; ++i)
    futures.push_back(submitter.submit<std::int64_t>(Options().durability(Durability::memory), "add", 1, 1));
  for (const auto& future : futures) (void)future.result(kPatience);
  std::uint64_t seen = 0, lost = 0;
  while (seen + lost < kJobs) {
    const JobEvent event = *events.next(kPatience);
    event.kind == EventKind::lost ? lost += event.lost : ++seen;
  }
  CHECK(lost > 0);
  CHECK(seen >= 1024);
  CHECK(seen + lost == kJobs);
}

TEST_CASE("C9 a command follows a failure: it reads the event, and is a job of the daemon's own user") {
  const TempDirectory folder;
  TestDaemon daemon(commanding(folder / "noted", "failed"));
  Client client = connect(daemon);
  (void)client.submit("add", 1, 1).value(kPatience);
  const auto job = client.submit(Options().remember("n", 1min), "fail", "no");
  (void)job.wait(kPatience);
  CHECK(eventually([&] { return has(read_if_there(folder / "noted"), "}"); }));
  const std::string noted = read_file(folder / "noted");
  CHECK(noted.starts_with("failed exception {\"format\": 1, \"event\": \"failed\", "));
  CHECK(has(noted, "\"id\": \"" + job.id().text() + "\""));
  CHECK(has(noted, "\"name\": \"n\""));
  CHECK(lines_in(folder / "noted") == 1);
  const JobPage commands = client.jobs({.queue = "commands"});
  REQUIRE(commands.jobs.size() == 1);
  CHECK(commands.jobs[0].function == "exec");
  CHECK(commands.jobs[0].owner == ::geteuid());
}

TEST_CASE("C9 what ends because the daemon was killed is followed by the daemon that comes next") {
  const TempDirectory folder;
  TestDaemon daemon(commanding(folder / "noted", "failed"));
  {
    Client client = connect(daemon);
    const auto job = client.submit(Options().at_most_once(), "wait_for", (folder / "gate").string());
    job.accepted(kPatience);
    CHECK(eventually([&] { return job.running(); }));
    daemon.restart_after_kill();
  }
  CHECK(eventually([&] { return has(read_if_there(folder / "noted"), "}"); }));
  CHECK(read_file(folder / "noted").starts_with("failed interrupted "));
  Client client = connect(daemon);
  CHECK(eventually([&] {
    const JobPage commands = client.jobs({.queue = "commands"});
    return commands.jobs.size() == 1 && commands.jobs[0].state == State::succeeded;
  }));
  (void)client.submit("add", 1, 1).value(kPatience);  // on disk, and so is what ended before it
  daemon.restart_after_kill();
  (void)client.submit("add", 1, 1).value(kPatience);
  CHECK(lines_in(folder / "noted") == 1);  // it is not followed again
}

TEST_CASE("C9 a command waits for its pool over a kill, and is not lost") {
  const TempDirectory folder;
  DaemonConfig config = commanding(folder / "noted", "failed");
  config.set("pool.commands", "user", "promised-test-no-such-user");  // its workers do not start
  TestDaemon daemon(config);
  (void)connect(daemon).submit("fail", "no").wait(kPatience);
  daemon.kill9();
  daemon.configure(commanding(folder / "noted", "failed"));
  daemon.start();
  CHECK(eventually([&] { return has(read_if_there(folder / "noted"), "}"); }));
  CHECK(lines_in(folder / "noted") == 1);
}

TEST_CASE("C9 a command that fails is told by status and log, and no command follows it") {
  DaemonConfig config = story_config();
  config.set("pool.commands", "builtin", "exec").set("pool.commands", "queues", "commands");
  config.set("command.bad", "command", "/bin/sh -c 'echo no mail today >&2; exit 3'");
  TestDaemon daemon(config);
  Client client = connect(daemon);
  (void)client.submit("fail", "no").wait(kPatience);
  const std::string what =
      "command bad has failed; the last time: exec: /bin/sh exited with status 3; it wrote: "
      "no "
      "mail today";
  CHECK(eventually([&] {
    const auto problems = client.status().problems;
    return problems.size() == 1 && problems[0] == what;
  }));
  CHECK(has(daemon.log(), "command bad: job "));
  CHECK(client.jobs({.queue = "commands"}).jobs.size() == 1);
}

TEST_CASE("C9 E6 commands are taken up by a reload, and need a pool that can run them") {
  const TempDirectory folder;
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  (void)client.submit("fail", "no").wait(kPatience);
  daemon.configure(commanding(folder / "noted", "failed"));
  const ReloadReport report = client.reload();
  CHECK(report.changed == std::vector<std::string>{"command.note"});
  CHECK(report.added == std::vector<std::string>{"commands"});
  (void)client.submit("fail", "no").wait(kPatience);
  CHECK(eventually([&] { return has(read_if_there(folder / "noted"), "}"); }));
  CHECK(lines_in(folder / "noted") == 1);

  DaemonConfig without = story_config();
  without.set("command.note", "command", "/bin/true");
  daemon.configure(without);
  CHECK(has(thrown_by([&] { (void)client.reload(); }),
            "[command.note] cannot be run: expected a pool with builtin = exec that takes jobs of queue "
            "'commands', "
            "found none"));
}

TEST_CASE("I7 the log is told when a pool fails, and when it has recovered") {
  const TempDirectory folder;
  const auto program = folder / "worker";
  DaemonConfig config;
  config.pool("late", program.string());
  TestDaemon daemon(config);
  CHECK(eventually([&] { return has(daemon.log(), "pool late is failing: "); }));
  std::filesystem::create_symlink(STORY_WORKER, program);
  CHECK(eventually([&] { return has(daemon.log(), "pool late has recovered: all its workers are ready"); }));
}
