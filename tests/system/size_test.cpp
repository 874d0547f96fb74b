// SPDX-License-Identifier: Apache-2.0
// Workers come when jobs wait, leave when they have nothing to do, and are replaced in time (SEMANTICS I2).
#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("a pool by load has a worker for each long job, up to the most, and none that is idle for long") {
  TestDaemon daemon(story_config(1, {{"size", "0..3"}, {"idle_time", "200ms"}}));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  std::vector<Future<std::int64_t>> jobs;
  for (int i = 0; i < 5; ++i) jobs.push_back(client.submit<std::int64_t>("wait_for", gate.string()));
  CHECK(eventually([&] { return pool_view(client, "story").busy == 3; }));
  CHECK(pool_view(client, "story").size_min == 0);
  CHECK(pool_view(client, "story").size_max == 3);
  write_file(gate, "");
  std::set<std::int64_t> pids;
  for (auto& job : jobs) pids.insert(job.result(kPatience));
  CHECK(pids.size() == 3);
  CHECK(eventually([&] {
    const PoolView pool = pool_view(client, "story");
    return pool.workers == 0 && pool.draining == 0;
  }));
  CHECK(pool_view(client, "story").crashes == 0);
  CHECK(client.status().health == "ok");
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
}

TEST_CASE("I2 with recycle_jobs = 1 each job has a process of its own, and none is lost") {
  TestDaemon daemon(story_config(2, {{"recycle_jobs", "1"}}));
  Client client = connect(daemon);
  constexpr std::size_t kJobs = 40;
  const auto file = daemon.directory() / "ran";
  std::vector<Future<std::int64_t>> jobs;
  for (std::size_t i = 0; i < kJobs; ++i) jobs.push_back(client.submit<std::int64_t>("tally", file.string()));
  std::set<std::int64_t> pids;
  for (auto& job : jobs) pids.insert(job.result(kPatience));
  CHECK(pids.size() == kJobs);
  CHECK(lines_in(file) == kJobs);
  CHECK(pool_view(client, "story").crashes == 0);
  CHECK(client.status().health == "ok");
}

TEST_CASE("I2 recycled under load, no job is lost and none runs twice") {
  TestDaemon daemon(story_config(2, {{"recycle_jobs", "7"}, {"recycle_time", "1s"}, {"prefetch", "16"}}));
  Client client = connect(daemon);
  constexpr std::size_t kJobs = 400;
  const auto file = daemon.directory() / "ran";
  std::vector<Future<std::int64_t>> jobs;
  for (std::size_t i = 0; i < kJobs; ++i) jobs.push_back(client.submit<std::int64_t>("tally", file.string()));
  std::map<std::int64_t, int> ran;
  for (auto& job : jobs) ++ran[job.result(kPatience)];
  CHECK(lines_in(file) == kJobs);
  for (const auto& [pid, count] : ran) CHECK(count <= 7);
  CHECK(pool_view(client, "story").crashes == 0);
  CHECK(pool_view(client, "story").finished == kJobs);
}

TEST_CASE("I2 a worker that has grown above recycle_memory is replaced after the job") {
  TestDaemon daemon(story_config(1, {{"recycle_memory", "64MiB"}}));
  Client client = connect(daemon);
  const auto file = (daemon.directory() / "ran").string();
  const auto before = client.submit<std::int64_t>("tally", file).result(kPatience);
  CHECK(client.submit<std::int64_t>("tally", file).result(kPatience) == before);
  CHECK(client.submit<std::uint64_t>("keep", 80).result(kPatience) == 80);
  CHECK(eventually([&] { return client.submit<std::int64_t>("tally", file).result(kPatience) != before; }));
  CHECK(eventually([&] { return pool_view(client, "story").draining == 0; }));
  CHECK(pool_view(client, "story").crashes == 0);
}

TEST_CASE("I2 a worker is replaced when it is older than recycle_time, whether it works or not") {
  TestDaemon daemon(story_config(1, {{"recycle_time", "1s"}}));
  Client client = connect(daemon);
  const auto file = (daemon.directory() / "ran").string();
  const auto before = client.submit<std::int64_t>("tally", file).result(kPatience);
  CHECK(eventually([&] { return client.submit<std::int64_t>("tally", file).result(kPatience) != before; }));
  CHECK(pool_view(client, "story").crashes == 0);
}
