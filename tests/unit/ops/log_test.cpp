// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <regex>
#include <sstream>
#include <thread>

#include "common/fd.hpp"
#include "tests/unit/ops/folder.hpp"

namespace promised {
namespace {

/// Sends stderr to a file while it lives.
class Captured {
 public:
  Captured() : before_(::dup(STDERR_FILENO)) {
    const Fd file(::open((folder_ / "log").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600));
    REQUIRE(::dup2(file.get(), STDERR_FILENO) == STDERR_FILENO);
  }
  ~Captured() { ::dup2(before_.get(), STDERR_FILENO); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  [[nodiscard]] std::string text() const {
    std::ifstream in(folder_ / "log");
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }

 private:
  Folder folder_;
  Fd before_;
};

void log_all() {
  log::debug("d");
  log::info("i");
  log::warning("w");
  log::error("e");
}

TEST_CASE("under the journal a message has its priority in front and no time") {
  const Captured captured;
  REQUIRE(log::start("debug", log::Style::journal).ok());
  log_all();
  CHECK(captured.text() == "<7>d\n<6>i\n<4>w\n<3>e\n");
}

TEST_CASE("on a plain stderr a message has the time and the level in front") {
  const Captured captured;
  REQUIRE(log::start("info", log::Style::plain).ok());
  log::warning("the disk is slow");
  const std::regex line(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} warning: the disk is slow\n)");
  CHECK(std::regex_match(captured.text(), line));
}

TEST_CASE("messages below the level are not written") {
  const Captured captured;
  REQUIRE(log::start("warning", log::Style::journal).ok());
  CHECK_FALSE(log::enabled(log::Level::info));
  CHECK(log::enabled(log::Level::warning));
  log_all();
  CHECK(captured.text() == "<4>w\n<3>e\n");
}

TEST_CASE("a message cannot fake a second line or move the cursor") {
  const Captured captured;
  REQUIRE(log::start("info", log::Style::journal).ok());
  log::info("job 'x\n<3>all is lost\x1b[2J' \xff {} %v");
  CHECK(captured.text() == "<6>job 'x\\n<3>all is lost\\x1b[2J' \\xff {} %v\n");
}

TEST_CASE("a level that does not exist is refused with the nearest one") {
  const Result<void> started = log::start("debgu", log::Style::plain);
  REQUIRE_FALSE(started.ok());
  CHECK(started.problem().message == "there is no log level 'debgu'; did you mean debug?");
}

TEST_CASE("lines of several threads do not mix") {
  const Captured captured;
  REQUIRE(log::start("info", log::Style::journal).ok());
  const std::string a(500, 'a'), b(500, 'b');
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) log::info(b);
  });
  for (int i = 0; i < 100; ++i) log::info(a);
  other.join();
  std::istringstream lines(captured.text());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) CHECK((line == "<6>" + a || line == "<6>" + b));
  CHECK(count == 200);
}

TEST_CASE("the journal is recognised by the file that $JOURNAL_STREAM names") {
  const Captured captured;
  struct stat file {};
  REQUIRE(::fstat(STDERR_FILENO, &file) == 0);
  const std::string mine = std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino);
  {
    const Variable stream("JOURNAL_STREAM", mine);
    CHECK(log::style_of_stderr() == log::Style::journal);
  }
  {
    const Variable stream("JOURNAL_STREAM", mine + "1");
    CHECK(log::style_of_stderr() == log::Style::plain);
  }
  const Variable stream("JOURNAL_STREAM", std::nullopt);
  CHECK(log::style_of_stderr() == log::Style::plain);
}

}  // namespace
}  // namespace promised
