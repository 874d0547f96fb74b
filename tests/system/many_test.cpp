// SPDX-License-Identifier: Apache-2.0
// Thousands of everything.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

TEST_CASE("ten thousand jobs from one client end each in its own result") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  constexpr std::int64_t kJobs = 10'000;
  std::vector<Future<std::int64_t>> futures;
  for (std::int64_t i = 0; i < kJobs; ++i) futures.push_back(client.submit<std::int64_t>("add", i, 1));
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < kJobs; ++i) {
    if (futures[static_cast<std::size_t>(i)].result(5min) != i + 1) ++wrong;
  }
  CHECK(wrong == 0);
  const StatusView status = client.status();
  CHECK(status.finished == kJobs);
  CHECK(status.health == "ok");
}

TEST_CASE("two thousand names are remembered, listed page by page, and there after a kill -9") {
  TestDaemon daemon(story_config());
  constexpr int kNames = 2'000;
  const auto name = [](int i) { return "result/" + std::to_string(i); };
  {
    Client client = connect(daemon);
    std::vector<Future<std::int64_t>> futures;
    for (int i = 0; i < kNames; ++i) {
      futures.push_back(client.submit<std::int64_t>(Options().remember(name(i), 10min), "add", i, i));
    }
    for (int i = 0; i < kNames; ++i) REQUIRE(futures[static_cast<std::size_t>(i)].result(5min) == 2 * i);
  }
  daemon.restart_after_kill();
  Client client = connect(daemon);
  CHECK(client.status(kPatience).remembered == kNames);
  std::vector<std::string> listed;
  JobFilter filter;
  filter.name_prefix = "result/";
  filter.most = 300;
  for (bool more = true; more;) {
    const JobPage page = client.jobs(filter, kPatience);
    for (const JobView& job : page.jobs) listed.push_back(job.name);
    more = page.more;
    if (more) filter.after = page.jobs.back().id;
  }
  std::sort(listed.begin(), listed.end());
  CHECK(listed.size() == kNames);
  CHECK(std::unique(listed.begin(), listed.end()) == listed.end());
  std::vector<Future<std::int64_t>> futures;
  for (int i = 0; i < kNames; ++i) futures.push_back(client.future<std::int64_t>(name(i)));
  int wrong = 0;
  for (int i = 0; i < kNames; ++i) {
    if (futures[static_cast<std::size_t>(i)].result(5min) != 2 * i) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("two hundred clients at once are served and counted, and are gone when they have gone") {
  TestDaemon daemon(story_config());
  Client observer = connect(daemon);
  constexpr int kClients = 200;
  {
    std::vector<Client> clients;
    for (int i = 0; i < kClients; ++i) clients.push_back(connect(daemon));
    std::vector<Future<std::int64_t>> futures;
    for (int i = 0; i < kClients; ++i) {
      futures.push_back(clients[static_cast<std::size_t>(i)].submit<std::int64_t>("add", i, i));
    }
    int wrong = 0;
    for (int i = 0; i < kClients; ++i) {
      if (futures[static_cast<std::size_t>(i)].result(5min) != 2 * i) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(observer.status().clients == kClients + 1);
  }
  CHECK(eventually([&] { return observer.status().clients == 1; }));
}
