// SPDX-License-Identifier: Apache-2.0
// C9: the [command.NAME] sections.
#include <doctest/doctest.h>

#include <algorithm>

#include "daemon/config/changes.hpp"
#include "tests/unit/config/fixture.hpp"

namespace promised {
namespace {

using namespace std::chrono_literals;

const std::string kPool = "[pool.shell]\nbuiltin = exec\n";

TEST_CASE("C9 every key of a command reaches the settings, and only the command line must be given") {
  const Scene scene;
  const Settings s = scene.settings(kPool +
                                    "[command.mail]\n"
                                    "outcomes = failed, expired\n"
                                    "functions = report.*, mail.send\n"
                                    "queues = reports slow\n"
                                    "command = /usr/bin/mail --to 'all of us'\n"
                                    "queue = mails\n"
                                    "run_timeout = 5min\n"
                                    "[command.least]\n"
                                    "command = true\n");
  CommandSettings wanted;
  wanted.name = "mail";
  wanted.outcomes = {State::failed, State::expired};
  wanted.functions = {"report.*", "mail.send"};
  wanted.queues = {"reports", "slow"};
  wanted.words = {"/usr/bin/mail", "--to", "all of us"};
  wanted.queue = "mails";
  wanted.run_timeout = 5min;
  REQUIRE(s.commands.size() == 2);
  CHECK(s.commands[0] == wanted);
  CommandSettings least;
  least.name = "least";
  least.words = {"true"};
  CHECK(s.commands[1] == least);
  CHECK(least.queue == "commands");
  CHECK(least.run_timeout == 1min);
}

TEST_CASE("C9 E3 what is wrong with a command is told with its place") {
  const Scene scene;
  const auto problem = [&](const std::string& lines) { return scene.problem(kPool + lines); };
  CHECK(problem("[command.mail]\n") ==
        "FILE:3: [command.mail] has no command; add command = /path/of/the/program ARGUMENTS");
  CHECK(problem("[command mail]\ncommand = true\n") ==
        "FILE:3: expected [command.NAME], with a name of 1 to 64 letters, digits, '-', '_' and '.', found "
        "[command "
        "mail]");
  CHECK(problem("[command.mail]\ncommand =\n") ==
        "FILE:4: command: expected a program and its arguments, found ''");
  CHECK(problem("[command.mail]\ncommand = true\noutcomes = fail\n") ==
        "FILE:5: outcomes: expected succeeded, failed, cancelled or expired, with commas between, found "
        "'fail'; did "
        "you mean failed?");
  CHECK(problem("[command.mail]\ncommand = true\noutcomes =\n") ==
        "FILE:5: outcomes: expected succeeded, failed, cancelled or expired, with commas between, found ''");
  CHECK(problem("[command.mail]\ncommand = true\nfunctions =\n") ==
        "FILE:5: functions: expected names with commas between, found ''");
  CHECK(problem("[command.mail]\ncommand = true\nqueue = " + std::string(256, 'q') + "\n")
            .starts_with("FILE:5: queue: expected the name of a queue, of 1 to 255 bytes, found 'qqq"));
  CHECK(problem("[command.mail]\ncommand = true\noutcome = failed\n") ==
        "FILE:5: unknown key 'outcome' in [command.mail]; did you mean outcomes?");
}

TEST_CASE("C9 E3 a command needs a pool with exec that takes jobs of its queue") {
  const Scene scene;
  const std::string why =
      "[command.mail] cannot be run: expected a pool with builtin = exec that takes jobs of queue '";
  CHECK(scene.problem("[pool.a]\nprogram = /a\n[command.mail]\ncommand = true\n") ==
        "FILE:3: " + why + "commands', found none");
  CHECK(scene.problem(kPool + "queues = default\n[command.mail]\ncommand = true\n") ==
        "FILE:4: " + why + "commands', found none");
  CHECK(scene.settings("[command.mail]\ncommand = true\nqueue = default\n" + kPool + "queues = default\n")
            .commands.size() == 1);
}

TEST_CASE("C9 E6 a reload tells which commands it has changed, added and taken away") {
  const Scene scene;
  Settings current = scene.settings(kPool +
                                    "[command.same]\ncommand = true\n[command.old]\ncommand = true\n"
                                    "[command.other]\ncommand = true\n");
  const Settings next = scene.settings(kPool +
                                       "[command.same]\ncommand = true\n[command.new]\ncommand = true\n"
                                       "[command.other]\ncommand = false\n");
  ReloadReport report = config::apply_changes(current, next);
  std::sort(report.changed.begin(), report.changed.end());
  CHECK(report.changed == std::vector<std::string>{"command.new", "command.old", "command.other"});
  CHECK(current.commands == next.commands);
}

TEST_CASE("C9 --check tells what follows what") {
  const Scene scene;
  const std::string file = scene.write(
      "promised.conf", kPool + "[command.mail]\ncommand = /usr/bin/mail ops\noutcomes = failed, expired\n");
  const auto checked = scene.run({"--check", "--config", file});
  REQUIRE(checked.ok());
  CHECK(checked->text.find("command mail: after failed expired, in queue commands: /usr/bin/mail ops\n") !=
        std::string::npos);
}

}  // namespace
}  // namespace promised
