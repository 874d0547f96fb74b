// SPDX-License-Identifier: Apache-2.0
// Checking, backing up and compacting the store of a running daemon, from the command line.
#include <fstream>

#include "tests/system/cli/fixture.hpp"

namespace promised::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("store check says what was looked at, and that it is sound") {
  const Shell shell;
  shell.run(kFine, {"run", "add", "1", "1", "--name", "sum"});
  const Finished human = shell.run(kFine, {"store", "check"});
  CHECK(human.err.empty());
  CHECK(human.out.starts_with("sound: 1 jobs, 1 names, 0 tombstones, 1 results (0 in files), "));
  CHECK(shell.run(kFine, {"store", "check", "--output", "quiet"}).out.empty());
  const auto json = shell.json(kFine, {"store", "check"});
  CHECK(json.at("task") == "check");
  CHECK(json.at("jobs") == 1);
  CHECK(json.at("damages") == 0);
  CHECK(json.at("damage").empty());
  CHECK_FALSE(json.contains("path"));
}

TEST_CASE("store backup makes the directory, prints it, and the daemon's log tells of it") {
  const Shell shell;
  shell.run(kFine, {"run", "add", "1", "1", "--name", "sum"});
  const std::string there = shell.daemon.directory() / "backup";
  const Finished human = shell.run(kFine, {"store", "backup", there});
  CHECK(human.out.starts_with(there + "\nsound: 1 jobs, 1 names, "));
  CHECK(std::filesystem::exists(std::filesystem::path(there) / "promised.db"));
  const std::string quiet = shell.run(kFine, {"store", "backup", "--output", "quiet"}).out;
  CHECK(quiet.starts_with((shell.daemon.state_dir() / "backups" / "20").string()));
  CHECK(shell.json(kFine, {"store", "backup", there + "2"}).at("path") == there + "2");
  CHECK(contains(shell.daemon.log(), "store backup: " + there + ": "));
  const Finished again = shell.run(kRefused, {"store", "backup", there});
  CHECK(again.err ==
        "promisectl: " + there + " is there already; name a directory that is not, or move it away\n");
  CHECK(contains(shell.run(kRefused, {"--output", "json", "store", "backup", there}).err,
                 "\"code\":\"store\""));
  CHECK(contains(shell.daemon.log(), "store backup: " + there + " is there already"));
}

TEST_CASE("store compact tells the sizes") {
  const Shell shell;
  const Finished human = shell.run(kFine, {"store", "compact"});
  CHECK(human.out.starts_with("compacted in "));
  CHECK(contains(human.out, " before, "));
  const auto json = shell.json(kFine, {"store", "compact"});
  CHECK(json.at("bytes") > 0);
  CHECK(json.at("bytes_before") > 0);
  CHECK_FALSE(json.contains("damages"));
}

TEST_CASE("store wants to know what, and a backup an absolute path") {
  const Shell shell;
  CHECK(shell.run(kUsage, {"store"})
            .err.starts_with("promisectl: something is missing; usage: promisectl store "));
  CHECK(shell.run(kUsage, {"store", "chekc"}).err ==
        "promisectl: expected check, backup or compact, found 'chekc'; did you mean check? (see promisectl "
        "store "
        "--help)\n");
  CHECK(shell.run(kUsage, {"store", "check", "x"}).err ==
        "promisectl: 'x' is too much: store check takes no more words\n");
  CHECK(
      shell.run(kUsage, {"store", "backup", "here"}).err ==
      "promisectl: store backup: expected an absolute path of a directory that the daemon is to make, found "
      "'here'\n");
}

TEST_CASE("a store that was damaged on disk under the daemon is found by check: exit code 1, and told") {
  const Shell shell;
  for (int i = 0; i < 4; ++i)
    shell.run(kFine, {"run", "echo", std::string(3000, 'x'), "--name", "n" + std::to_string(i)});
  // All that is in the log goes into the database, and what follows is on disk alone.
  shell.run(kFine, {"store", "compact"});
  const auto database = shell.daemon.state_dir() / "promised.db";
  std::string bytes = read_file(database);
  const auto at = bytes.find(std::string(2000, 'x'));
  REQUIRE(at != std::string::npos);
  bytes.replace(at / 4096 * 4096, 64, std::string(64, '\x5a'));
  {
    std::fstream file(database, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at / 4096 * 4096));
    file.write(std::string(64, '\x5a').data(), 64);
    REQUIRE(file.good());
  }
  const Finished human = shell.run(kFailed, {"store", "check"});
  CHECK(human.out.starts_with("damaged: "));
  CHECK(contains(human.out, "\n  ! "));
  CHECK(contains(shell.daemon.log(), "store check: "));
  CHECK(contains(shell.daemon.log(), "it is damaged in "));
  const auto json =
      promisectl(shell.daemon, {"--output", "json", "store", "backup", shell.daemon.directory() / "b"});
  CHECK(json.exit == Exit{kFailed, 0});
  CHECK(contains(json.out, (shell.daemon.directory() / "b.damaged").string()));
}

}  // namespace
}  // namespace promised::test
