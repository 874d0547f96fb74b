// SPDX-License-Identifier: Apache-2.0
// Quotas and keys (SEMANTICS Q3 to Q5), with the daemon killed while they are taken.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

TEST_CASE("Q5 jobs of one key run one at a time, in order, over a killed daemon, and others go on") {
  TestDaemon daemon(story_config(3));
  const auto gate = daemon.directory() / "gate";
  std::vector<JobId> held;
  std::vector<Future<std::int64_t>> futures;
  Client client = connect(daemon);
  for (int i = 0; i < 4; ++i) {
    const Options options = Options().exclusive("customer").remember("job " + std::to_string(i), 60s);
    futures.push_back(client.submit<std::int64_t>(options, "wait_for", gate.string()));
    futures.back().accepted(kPatience);
    held.push_back(futures.back().id());
  }
  const auto only_first_runs = [&] {
    return client.show(JobKey(held[0])).state == State::running &&
           std::all_of(held.begin() + 1, held.end(),
                       [&](const JobId& id) { return client.show(JobKey(id)).state == State::pending; });
  };
  REQUIRE(eventually([&] { return only_first_runs(); }));
  CHECK(client.submit<std::int64_t>("add", 1, 2).result(kPatience) == 3);
  const JobView second = client.show(JobKey(held[1]));
  CHECK(second.reason == "the quota \"customer\" is full");
  CHECK(second.quotas == std::vector<QuotaUse>{{"customer", 1}});
  daemon.restart_after_kill();
  REQUIRE(eventually([&] { return only_first_runs(); }));
  write_file(gate, "");
  for (const auto& future : futures) CHECK_FALSE(future.failure(kPatience));
  std::vector<WallClock> ended, started;
  for (const JobId& id : held) {
    started.push_back(client.show(JobKey(id)).started);
    ended.push_back(client.show(JobKey(id)).ended);
  }
  for (std::size_t i = 1; i < held.size(); ++i) CHECK(started[i] >= ended[i - 1]);
}

TEST_CASE("Q4 a job with a quota that is not configured is refused with what to do") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const std::string text = thrown_by(
      [&] { (void)client.submit<std::int64_t>(Options().quota("licences"), "add", 1, 2).result(kPatience); });
  CHECK(text.find("there is no quota \"licences\"") != std::string::npos);
}
