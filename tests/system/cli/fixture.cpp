// SPDX-License-Identifier: Apache-2.0
#include "tests/system/cli/fixture.hpp"

namespace promised::test {
namespace {

DaemonConfig config(int workers) {
  DaemonConfig config;
  config.pool("story", STORY_WORKER, {{"size", std::to_string(workers)}, {"kill_grace", "300ms"}});
  return config;
}

}  // namespace

Shell::Shell(int workers) : daemon(config(workers)) {}

Finished Shell::run(int code, const std::vector<std::string>& arguments) const {
  Finished finished = promisectl(daemon, arguments);
  CAPTURE(arguments);
  CAPTURE(finished.out);
  CAPTURE(finished.err);
  CHECK(finished.exit == Exit{code, 0});
  return finished;
}

nlohmann::json Shell::json(int code, std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"--output", "json"});
  const Finished finished = run(code, arguments);
  CHECK(finished.err.empty());
  const auto document = nlohmann::json::parse(finished.out, nullptr, false);
  REQUIRE_FALSE(document.is_discarded());
  CHECK(document.value("format", 0) == 1);
  return document;
}

std::string Shell::submit(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "submit");
  std::string id = run(kFine, arguments).out;
  REQUIRE(id.size() == 37);
  id.pop_back();
  return id;
}

std::string Shell::state(const std::string& job) const {
  std::string state = run(kFine, {"show", job, "--output", "quiet"}).out;
  if (!state.empty()) state.pop_back();
  return state;
}

}  // namespace promised::test
