// SPDX-License-Identifier: Apache-2.0
// C9: a command and the outcome that it follows are on disk together, or neither is.
#include <doctest/doctest.h>

#include "common/ids.hpp"
#include "tests/flow/stored_house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

Settings with_command(std::uint64_t most_in_memory = 1000) {
  Settings settings = one_pool(2);
  settings.limits.max_in_memory = most_in_memory;
  CommandSettings command;
  command.name = "mail";
  command.words = {"mail"};
  command.outcomes = {State::failed, State::succeeded};
  settings.commands = {command};
  return settings;
}

Failure exception() {
  Failure failure;
  failure.cause = Cause::exception;
  failure.message = "no";
  return failure;
}

/// How many jobs of commands there are, ended ones too.
std::size_t commands(StoredHouse& house) {
  const SessionId admin = house->connect(0);
  house->ask(admin, message::List{.function = "exec"});
  return house->last<message::Jobs>(admin).jobs.size();
}

/// The second worker, which has exec too from now on: until then commands wait.
WorkerId exec_worker(StoredHouse& house) {
  house->ready(house->workers().at(1), {"f", "g", "exec"});
  return house->workers().at(1);
}

}  // namespace

TEST_CASE(
    "C9 a kill before the commit takes the outcome and the command: the job runs again, and one command "
    "follows") {
  StoredHouse house(with_command());
  const SessionId client = house->connect();
  const JobId id = house->submit(client, "f", Options().remember("n", 1h));
  house.commit();
  house->fail(house.worker(), exception());
  CHECK_FALSE(house->ended(client, id));
  house.restart_after();
  CHECK(commands(house) == 0);
  CHECK(house->fail(house.worker(), exception()) == id);
  house.commit();
  CHECK(commands(house) == 1);
}

TEST_CASE("C9 a kill after the commit takes neither: the command runs once, and nothing follows it") {
  StoredHouse house(with_command());
  const SessionId client = house->connect();
  const JobId id = house->submit(client, "f", Options().remember("n", 1h));
  house.commit();
  house->fail(house.worker(), exception());
  house.commit();
  CHECK(house->ended(client, id));
  house.restart_after();
  CHECK(commands(house) == 1);
  const WorkerId worker = exec_worker(house);
  REQUIRE(house->hand(worker).channel.size() == 1);
  CHECK(house->dispatched_arguments.back().find("PROMISED_JOB=" + id.text()) != std::string::npos);
  house->finish(worker);
  house.commit();
  house.restart_after();
  CHECK(commands(house) == 1);
  CHECK(house->hand(exec_worker(house)).channel.empty());
}

TEST_CASE("C9 a command that waits on disk comes back as one, and runs") {
  StoredHouse house(with_command(1));
  const SessionId client = house->connect();
  constexpr std::size_t kJobs = 40;
  for (std::size_t i = 0; i < kJobs; ++i) {
    house->submit(client);
    house.commit();
    house->finish(house.worker());
    house.commit();
  }
  house.restart_after();
  const WorkerId worker = exec_worker(house);
  std::size_t ran = 0;
  for (; !house->hand(worker).channel.empty(); ++ran) house->finish(worker);
  CHECK(ran == kJobs);
  house.commit();
  CHECK(commands(house) <= kJobs);  // nothing followed them
  CHECK(house->status(house->connect(0)).problems.empty());
}
