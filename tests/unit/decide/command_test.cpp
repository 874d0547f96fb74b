// SPDX-License-Identifier: Apache-2.0
// C9: commands that follow outcomes; and what the log is told of pools that fail.
#include <doctest/doctest.h>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

constexpr uid_t kUser = 1000, kAdmin = 0;
constexpr std::uint32_t kDaemon = 999;  ///< the house's own
const Options kMemory = Options().durability(Durability::memory);

CommandSettings command(const std::string& name = "mail") {
  CommandSettings c;
  c.name = name;
  c.words = {"/usr/bin/mail", "ops"};
  return c;
}

Settings with(std::vector<CommandSettings> commands) {
  Settings settings = one_pool();
  settings.commands = std::move(commands);
  return settings;
}

Failure exception(const std::string& message = "no such file") {
  Failure failure;
  failure.cause = Cause::exception;
  failure.message = message;
  failure.output = "words";
  return failure;
}

/// A house with a worker for f, g and exec, and a client.
struct Commanding : House {
  explicit Commanding(std::vector<CommandSettings> commands = {command()})
      : Commanding(with(std::move(commands))) {}
  explicit Commanding(Settings s) : House(std::move(s)) {
    ready(workers()[0], {"f", "g", "exec"});
    client = connect(kUser);
  }
  WorkerId worker() { return workers()[0]; }
  /// Jobs of the daemon itself that were written.
  std::vector<change::InsertJob> commands_written() {
    std::vector<change::InsertJob> found;
    for (const auto& insert : written<change::InsertJob>()) {
      if (!insert.command.empty()) found.push_back(insert);
    }
    return found;
  }
  std::vector<std::string> problems() { return status(connect(kAdmin)).problems; }

  SessionId client{};
};

}  // namespace

TEST_CASE(
    "C9 a command follows a failure: a job of the daemon's own user, written with the end that it follows") {
  Commanding house;
  house.hold_commits();
  const JobId id = house.submit(house.client, "f", Options().queue("q").remember("n", 1min));
  house.commit();
  house.changes.clear();
  house.fail(house.worker(), exception());
  // One batch: the end, then what follows it.
  REQUIRE(house.changes.size() >= 2);
  CHECK(std::get<change::EndJob>(house.changes[0]).id == id);
  const auto commands = house.commands_written();
  REQUIRE(commands.size() == 1);
  CHECK(commands[0].command == "mail");
  CHECK(commands[0].owner == kDaemon);
  CHECK(commands[0].function == "exec");
  CHECK(commands[0].options.queue() == "commands");
  CHECK(commands[0].options.run_timeout() == 1min);
  CHECK_FALSE(house.ended(house.client, id));
  house.commit();
  CHECK(house.ended(house.client, id)->state == State::failed);

  const std::string arguments = house.dispatched_arguments.back();
  CHECK(arguments.starts_with(
      "/usr/bin/mail ops PROMISED_CAUSE=exception PROMISED_EVENT=failed "
      "PROMISED_FUNCTION=f PROMISED_JOB=" +
      id.text() + " PROMISED_NAME=n PROMISED_OWNER=1000 PROMISED_QUEUE=q < {\"format\": 1, "));
  CHECK(arguments.find("\"event\": \"failed\"") != std::string::npos);
  CHECK(arguments.find("\"message\": \"no such file\"") != std::string::npos);
  CHECK(arguments.find("\"output\": \"words\"") != std::string::npos);
  CHECK(arguments.ends_with("}\n"));
}

TEST_CASE("C9 a command follows the outcomes, functions and queues that it is configured for") {
  struct Case {
    std::vector<State> outcomes;
    std::vector<std::string> functions, queues;
    bool runs;
  };
  const std::vector<Case> cases{
      {{State::succeeded}, {}, {}, true},
      {{State::failed, State::cancelled, State::expired}, {}, {}, false},
      {{State::expired, State::succeeded}, {"x", "f*"}, {"other", "default"}, true},
      {{State::succeeded}, {"g"}, {}, false},
      {{State::succeeded}, {}, {"other"}, false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.runs);
    CommandSettings wanted = command();
    wanted.outcomes = c.outcomes;
    wanted.functions = c.functions;
    wanted.queues = c.queues;
    Commanding house({wanted});
    house.submit(house.client, "f");
    house.finish(house.worker());
    CHECK(house.commands_written().size() == (c.runs ? 1 : 0));
  }
}

TEST_CASE("C9 a job that need not have been written is, with the command that follows it") {
  CommandSettings after_success = command();
  after_success.outcomes = {State::succeeded};
  after_success.functions = {"g"};
  Commanding house({after_success});
  house.submit(house.client, "g");
  house.finish(house.worker());  // a quick function from now on
  house.finish(house.worker());  // the command
  house.changes.clear();
  house.hold_commits();
  const JobId id = house.submit(house.client, "g");
  REQUIRE(house.written<change::InsertJob>().empty());
  house.finish(house.worker());
  CHECK(house.written<change::InsertJob>().at(0).id == id);
  CHECK(house.written<change::EndJob>().at(0).id == id);
  CHECK(house.commands_written().size() == 1);
  CHECK_FALSE(house.ended(house.client, id));
  house.commit();
  CHECK(house.ended(house.client, id));
}

TEST_CASE("C9 the end of a memory job is told when the command that follows it is on disk") {
  Commanding house;
  house.hold_commits();
  const JobId id = house.submit(house.client, "f", kMemory);
  house.fail(house.worker(), exception());
  CHECK(house.commands_written().size() == 1);
  CHECK_FALSE(house.ended(house.client, id));
  house.commit();
  CHECK(house.ended(house.client, id));
}

TEST_CASE(
    "C9 no command follows the outcome of a command, also after a restart; its failures are told in status "
    "until it succeeds") {
  CommandSettings any = command();
  any.outcomes = {State::failed, State::succeeded};
  Commanding house({any});
  house.submit(house.client, "f");
  house.finish(house.worker());
  REQUIRE(house.commands_written().size() == 1);
  house.fail(house.worker(), exception("it exited with status 3"));
  CHECK(house.commands_written().size() == 1);
  CHECK(house.problems() ==
        std::vector<std::string>{"command mail has failed; the last time: it exited with status 3"});
  REQUIRE(house.logged.size() == 1);
  CHECK(house.logged[0].starts_with("warning: command mail: job "));
  CHECK(house.logged[0].ends_with(": it exited with status 3"));

  house.submit(house.client, "f");
  house.finish(house.worker());
  house.finish(house.worker());
  CHECK(house.problems().empty());
  CHECK(house.commands_written().size() == 2);

  // A command that the store remembers.
  House later(with({any}), [](House& h) {
    RecoveredJob job;
    job.id = new_job_id();
    job.owner = kDaemon;
    job.function = "exec";
    job.options.queue("commands");
    job.submitted = h.now.wall;
    job.command = "mail";
    h.scheduler.restore(std::move(job), h.now, h.plan);
  });
  later.ready(later.workers()[0], {"exec"});
  later.fail(later.workers()[0], exception("again"));
  CHECK(later.written<change::InsertJob>().empty());
  CHECK(later.status(later.connect(kAdmin)).problems.size() == 1);
}

TEST_CASE("C9 what ends while the store is read is followed, with its name") {
  JobId id;
  House house(with({command()}), [&](House& h) {
    RecoveredJob job;
    job.id = id = new_job_id();
    job.owner = kUser;
    job.function = "f";
    job.options.at_most_once();
    job.started = true;
    job.attempts = 1;
    job.submitted = h.now.wall;
    h.scheduler.restore(std::move(job), h.now, h.plan);
    RecoveredName name;
    name.owner = kUser;
    name.name = "n";
    name.id = id;
    name.lifespan = 1min;
    h.scheduler.restore(std::move(name), h.now, h.plan);
  });
  house.ready(house.workers()[0], {"exec"});
  REQUIRE(house.dispatched_arguments.size() == 1);
  CHECK(house.dispatched_arguments[0].find("PROMISED_CAUSE=interrupted") != std::string::npos);
  CHECK(house.dispatched_arguments[0].find("PROMISED_NAME=n ") != std::string::npos);
}

TEST_CASE("C9 a command waits on disk where too many jobs are in memory, and its name with it") {
  Settings settings = with({command()});
  settings.limits.max_in_memory = 1;
  House house(settings);
  house.ready(house.workers()[0], {"f"});  // the commands wait
  house.load_backlog = [](const effect::LoadBacklog&) { return std::vector<RecoveredJob>(); };
  const SessionId client = house.connect(kUser);
  std::vector<change::InsertJob> commands;
  for (int i = 0; i < 100; ++i) {
    house.submit(client, "f");
    house.fail(house.workers()[0], exception());
  }
  for (const auto& insert : house.written<change::InsertJob>()) {
    if (insert.function == "exec") commands.push_back(insert);
  }
  REQUIRE(commands.size() == 100);
  CHECK_FALSE(commands.front().backlog);
  CHECK(commands.back().backlog);
  CHECK(commands.back().command == "mail");
  CHECK(house.status(house.connect(kAdmin)).queues.at(0).length == 100);
}

TEST_CASE("C9 E2 a command that would be a job too many is not run, and that is loud") {
  Settings settings = with({command()});
  settings.limits.max_jobs = 1;
  Commanding house(settings);
  const JobId id = house.submit(house.client, "f");
  house.fail(house.worker(), exception());
  CHECK(house.commands_written().empty());
  const std::string why =
      "max_jobs (1) is reached: so many jobs are waiting, running or kept; wait until some have ended, or "
      "raise "
      "it in section [limits]";
  REQUIRE_FALSE(house.logged.empty());
  CHECK(house.logged[0] == "warning: command mail was not run for job " + id.text() + " (failed): " + why);
  CHECK(house.problems()[0] == "command mail was not run; the last time: " + why);
}

TEST_CASE(
    "C9 E6 a command that is taken out of the configuration follows nothing more, and is no problem any "
    "more") {
  Commanding house;
  house.submit(house.client, "f");
  house.fail(house.worker(), exception());
  house.fail(house.worker(), exception("it exited with status 3"));
  CHECK(house.problems().size() == 1);
  house.settings.commands.clear();
  CHECK(house.problems().empty());
  house.submit(house.client, "f");
  house.fail(house.worker(), exception());
  CHECK(house.commands_written().size() == 1);
}

TEST_CASE(
    "I7 the log is told of a pool that fails, when it has failed often, and when it has "
    "recovered") {
  House house;
  for (int i = 0; i < 9; ++i) {
    house.start_failed(house.workers()[0], "no such file");
    house.wait(31s);
  }
  CHECK(house.logged ==
        std::vector<std::string>{"warning: pool main is failing: no such file",
                                 "warning: pool main is failing, 8 starts in a row: no such file"});
  house.logged.clear();
  house.ready(house.workers()[0]);
  CHECK(house.logged == std::vector<std::string>{"info: pool main has recovered: all its workers are ready"});
}
