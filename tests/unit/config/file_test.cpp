// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <sys/stat.h>

#include "tests/unit/config/fixture.hpp"

namespace promised {
namespace {

TEST_CASE("comments, empty lines, spaces and CRLF are all right") {
  const Scene scene;
  const Settings s = scene.settings("\r\n  # a comment\r\n [ daemon ]  # more\r\n\tlog_level=debug\r\n");
  CHECK(s.log_level == "debug");
}

TEST_CASE("a last line without a line end counts") {
  const Scene scene;
  CHECK(scene.settings("[daemon]\nlog_level = debug").log_level == "debug");
}

TEST_CASE("E3 what is no configuration is told with file and line") {
  const Scene scene;
  CHECK(scene.problem("[daemon]\nlog_level\n") == "FILE:2: expected KEY = VALUE, found 'log_level'");
  CHECK(scene.problem("[daemon]\n= debug\n") == "FILE:2: expected KEY = VALUE, found no key");
  CHECK(scene.problem("log_level = debug\n") == "FILE:1: 'log_level' stands before the first [section]");
  CHECK(scene.problem("[daemon\nlog_level = debug\n") ==
        "FILE:1: expected a section such as [daemon] or [pool.NAME], found '[daemon'");
  CHECK(scene.problem("[]\n") == "FILE:1: expected a section such as [daemon] or [pool.NAME], found '[]'");
  CHECK(scene.problem("[daemons]\n") ==
        "FILE:1: unknown section [daemons]; did you mean daemon? (sections: [daemon], [limits], [access], "
        "[pool.NAME], [queue.NAME], [quota.NAME], [command.NAME])");
  CHECK(scene.problem("[daemon]\n[limits]\n[daemon]\n") ==
        "FILE:3: section [daemon] begins a second time; the first is on line 1");
  CHECK(scene.problem(std::string("[daemon]\nlog\0level = x\n", 22)) ==
        "FILE:2: a zero byte; is this a configuration file?");
  CHECK(scene.problem("[pool.a]\nprogram = /a\narguments = --color=#fff\n") ==
        "FILE:3: a # begins a comment and cannot be part of a value; put a space before it");
}

TEST_CASE("E3 a file that cannot be read stops the start and says why") {
  const Scene scene;
  const auto missing = scene.run({"--config", scene.path("none.conf")});
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.problem().code == "config");
  CHECK(missing.problem().message ==
        scene.path("none.conf") + ": cannot read the configuration: No such file or directory");
  const auto folder = scene.run({"--config", scene.path("")});
  REQUIRE_FALSE(folder.ok());
  CHECK(folder.problem().message.ends_with(": cannot read the configuration: Is a directory"));
  REQUIRE(::mkfifo(scene.path("pipe.conf").c_str(), 0600) == 0);
  const auto pipe = scene.run({"--config", scene.path("pipe.conf")});
  REQUIRE_FALSE(pipe.ok());
  CHECK(pipe.problem().message == scene.path("pipe.conf") + ": nothing comes out of this pipe");
  const auto endless = scene.run({"--config", "/dev/zero"});
  REQUIRE_FALSE(endless.ok());
  CHECK(endless.problem().message == "/dev/zero: longer than 4 MiB; is this a configuration file?");
}

}  // namespace
}  // namespace promised
