// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <sstream>

#include "tests/system/cli/fixture.hpp"

namespace promised::test {
namespace {

/// The ids that `promisectl jobs --output quiet` prints with these filters.
std::vector<std::string> ids(const Shell& shell, std::vector<std::string> filters) {
  filters.insert(filters.begin(), {"jobs", "--output", "quiet"});
  std::istringstream lines(shell.run(kFine, filters).out);
  std::vector<std::string> found;
  for (std::string line; std::getline(lines, line);) found.push_back(line);
  return found;
}

using Ids = std::vector<std::string>;

TEST_CASE("M2 jobs are filtered by state, function, queue and name") {
  const Shell shell;
  const std::string sum = shell.submit({"add", "1", "1", "--name", "a/sum"});
  const std::string bad = shell.submit({"fail", "x", "--name", "b/bad", "--queue", "other"});
  const std::string running = shell.submit({"wait_for", shell.gate()});
  shell.run(kFailed, {"wait", sum, bad});
  REQUIRE(eventually([&] { return shell.state(running) == "running"; }));
  CHECK(ids(shell, {}) == Ids{running, bad, sum});
  CHECK(ids(shell, {"--state", "running"}) == Ids{running});
  CHECK(ids(shell, {"--state", "failed", "--state", "succeeded"}) == Ids{bad, sum});
  CHECK(ids(shell, {"--function", "*a*", "--remembered"}) == Ids{bad, sum});
  CHECK(ids(shell, {"--function", "wait*"}) == Ids{running});
  CHECK(ids(shell, {"--queue", "other"}) == Ids{bad});
  CHECK(ids(shell, {"--name-prefix", "a/"}) == Ids{sum});
  CHECK(ids(shell, {"--name-prefix", "c/"}).empty());
  shell.open_gate();
}

TEST_CASE("M2 jobs come newest first, in pages or all at once") {
  const Shell shell;
  Ids all;
  for (int i = 0; i < 5; ++i)
    all.push_back(shell.submit({"add", "1", "1", "--name", "n" + std::to_string(i)}));
  std::reverse(all.begin(), all.end());
  CHECK(ids(shell, {"--page", "2"}) == Ids{all[0], all[1]});
  CHECK(ids(shell, {"--page", "2", "--after", all[1]}) == Ids{all[2], all[3]});
  CHECK(ids(shell, {"--page", "2", "--all"}) == all);
  const auto page = shell.json(kFine, {"jobs", "--page", "2"});
  CHECK(page.at("jobs").size() == 2);
  CHECK(page.at("more") == true);
  CHECK(shell.json(kFine, {"jobs", "--page", "2", "--all"}).at("more") == false);
  const Finished human = shell.run(kFine, {"jobs", "--page", "2"});
  CHECK(human.out.starts_with("ID "));
  CHECK(human.err == "there are more: --all, or --after " + all[1] + "\n");
}

TEST_CASE("M2 no jobs are no output on stdout") {
  const Shell shell;
  const Finished human = shell.run(kFine, {"jobs"});
  CHECK(human.out.empty());
  CHECK(human.err == "no jobs\n");
  CHECK(shell.json(kFine, {"jobs"}).at("jobs").empty());
}

TEST_CASE("M3 show tells the whole story of a job") {
  const Shell shell;
  const std::string id = shell.submit({"fail", "it broke", "--name", "n"});
  shell.run(kFailed, {"wait", id});
  const Finished shown = shell.run(kFine, {"show", "n"});
  CHECK(shown.err.empty());
  for (const std::string& part : std::vector<std::string>{
           id, std::string("fail"), std::string("failure"),
           std::string("exception std::runtime_error: it broke"), std::string("submitted"),
           std::string("ended"), std::string("about to fail\n")}) {
    CAPTURE(part);
    CHECK(shown.out.find(part) != std::string::npos);
  }
  const auto job = shell.json(kFine, {"show", "last"}).at("job");
  CHECK(job.at("id") == id);
  CHECK(job.at("state") == "failed");
  CHECK(job.at("failure").at("cause") == "exception");
  CHECK_FALSE(job.at("ended").is_null());
}

TEST_CASE("M5 names from others cannot harm the terminal or the JSON") {
  const Shell shell;
  const std::string name = "a\x1b[2J\nb";
  shell.run(kFine, {"run", "add", "1", "1", "--name", name});
  const Finished listed = shell.run(kFine, {"jobs"});
  CHECK(listed.out.find("a\\x1b[2J\\nb") != std::string::npos);
  CHECK(listed.out.find('\x1b') == std::string::npos);
  CHECK(shell.run(kFine, {"show", name}).out.find('\x1b') == std::string::npos);
  CHECK(shell.json(kFine, {"show", name}).at("job").at("name") == name);
}

}  // namespace
}  // namespace promised::test
