// SPDX-License-Identifier: Apache-2.0
#include "tests/system/cli/fixture.hpp"

namespace promised::test {
namespace {

TEST_CASE("X2 cancel stops a running job, and says when there is nothing to stop") {
  const Shell shell;
  const std::string id = shell.submit({"wait_for", shell.gate()});
  REQUIRE(eventually([&] { return shell.state(id) == "running"; }));
  const Finished cancelled = shell.run(kFine, {"cancel", id});
  CHECK(cancelled.out.empty());
  CHECK(cancelled.err.empty());
  CHECK(shell.json(kFailed, {"result", id}).at("state") == "cancelled");
  CHECK(shell.run(kRefused, {"cancel", id}).err.find("has ended already; cancelling it changes nothing") !=
        std::string::npos);
  CHECK(shell.json(kRefused, {"cancel", id}).at("effect") == false);
}

TEST_CASE("R4 forget removes the name once") {
  const Shell shell;
  const std::string id = shell.submit({"wait_for", shell.gate(), "--name", "n"});
  CHECK(shell.json(kFine, {"forget", "n"}).at("effect") == true);
  CHECK(shell.run(kRefused, {"forget", "n"}).err.find("forgotten") != std::string::npos);
  CHECK(shell.run(kRefused, {"forget", id}).err == "promisectl: job " + id + " has no name to forget\n");
  CHECK(shell.json(kRefused, {"forget", id}).at("effect") == false);
  CHECK(shell.json(kFine, {"show", id}).at("job").at("name").is_null());
  shell.open_gate();
}

TEST_CASE("R2 remember gives a job a name and renews its lifespan") {
  const Shell shell;
  const std::string id = shell.submit({"wait_for", shell.gate()});
  CHECK(shell.run(kFine, {"remember", id, "n", "--lifespan", "60s"}).out.empty());
  CHECK(shell.json(kFine, {"show", "n"}).at("job").at("lifespan_ms") == 60'000);
  const auto renewed = shell.json(kFine, {"remember", "last", "n", "--lifespan", "2h"});
  CHECK(renewed.at("id") == id);
  CHECK(renewed.at("name") == "n");
  CHECK(shell.json(kFine, {"show", "n"}).at("job").at("lifespan_ms") == 7'200'000);
  const std::string other = shell.submit({"wait_for", shell.gate()});
  CHECK(shell.run(kRefused, {"remember", other, "n"}).err.find(id) != std::string::npos);
  CHECK(shell.run(kFine, {"remember", other, "n", "--duplicate", "replace"}).out.empty());
  CHECK(shell.json(kFine, {"show", "n"}).at("job").at("id") == other);
  shell.open_gate();
}

}  // namespace
}  // namespace promised::test
