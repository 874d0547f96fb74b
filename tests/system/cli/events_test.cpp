// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <sstream>
#include <utility>

#include "tests/support/process.hpp"
#include "tests/system/cli/fixture.hpp"

namespace promised::test {
namespace {

/// `promisectl events ARGUMENTS`, which is watching when this returns.
class Watcher {
 public:
  Watcher(const Shell& shell, std::vector<std::string> arguments)
      : out_(shell.daemon.directory() / "events.out"),
        err_(shell.daemon.directory() / "events.err"),
        process_(program(shell, std::move(arguments), out_, err_)) {
    REQUIRE(eventually([&] {
      const auto status = shell.json(kFine, {"status"});
      for (const auto& limit : status.at("limits")) {
        if (limit.at("name") == "max_subscriptions") return limit.at("used") == 1;
      }
      return false;
    }));
  }
  /// It must end by itself, with this code; its lines.
  std::vector<std::string> lines(int code) {
    CHECK(process_.wait() == Exit{code, 0});
    std::istringstream text(read_file(out_));
    std::vector<std::string> all;
    for (std::string line; std::getline(text, line);) all.push_back(line);
    return all;
  }
  [[nodiscard]] std::string errors() const { return read_file(err_); }

 private:
  static Program program(const Shell& shell, std::vector<std::string> arguments,
                         const std::filesystem::path& out, const std::filesystem::path& err) {
    arguments.insert(arguments.begin(),
                     {promisectl_binary(), "--endpoint", shell.daemon.endpoint(), "events"});
    return {std::move(arguments), {}, out, err, {}};
  }

  std::filesystem::path out_, err_;
  Process process_;
};

TEST_CASE("C9 events prints a line for each event, and ends after so many") {
  const Shell shell(1);
  Watcher watcher(shell, {"--count", "3", "--function", "a*"});
  shell.run(kFine, {"run", "echo", "1"});
  shell.run(kFine, {"run", "add", "1", "2", "--name", "sum"});
  const auto lines = watcher.lines(kFine);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].find("  accepted  ") != std::string::npos);
  CHECK(lines[1].find("  started  ") != std::string::npos);
  CHECK(lines[2].find("  succeeded  ") != std::string::npos);
  CHECK(lines[2].ends_with("  add  default  \"sum\""));
}

TEST_CASE("C9 events says how a job failed") {
  const Shell shell(1);
  Watcher watcher(shell, {"--count", "1", "--kind", "failed", "--kind", "expired", "--queue", "default"});
  shell.run(kFailed, {"run", "fail", "no \x1b[2J"});
  const auto lines = watcher.lines(kFine);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].ends_with("  fail  default  exception: no \\x1b[2J"));
}

TEST_CASE("C9 events as JSON are documents, a line each; quiet ones are ids") {
  const Shell shell(1);
  {
    Watcher watcher(shell, {"--output", "json", "--count", "2", "--kind", "succeeded", "--kind", "accepted"});
    shell.run(kFine, {"run", "add", "1", "2", "--name", "sum"});
    const auto lines = watcher.lines(kFine);
    REQUIRE(lines.size() == 2);
    const auto event = nlohmann::json::parse(lines[1]);
    CHECK(event.at("format") == 1);
    CHECK(event.at("event") == "succeeded");
    CHECK(event.at("name") == "sum");
    CHECK(event.at("failure").is_null());
    CHECK(event.at("id") == shell.json(kFine, {"show", "sum"}).at("job").at("id"));
    CHECK(watcher.errors().empty());
  }
  const Finished late = shell.run(kTimedOut, {"events", "--output", "json", "--timeout", "1ms"});
  CHECK(late.out.empty());
  CHECK(nlohmann::json::parse(late.err).at("error").at("code") == "timeout");
  CHECK(nlohmann::json::parse(late.err).at("error").at("message") ==
        "watching events: nothing has happened within 1 ms");
}

TEST_CASE("C9 events refuses a kind that there is not, and impossible numbers") {
  const Shell shell(1);
  const Finished wrong = shell.run(kUsage, {"events", "--kind", "fail"});
  CHECK(wrong.err.find("--kind: there is no kind of event 'fail'; did you mean failed?") !=
        std::string::npos);
  CHECK(shell.run(kUsage, {"events", "--count", "0"}).err.find("--count") != std::string::npos);
}

}  // namespace
}  // namespace promised::test
