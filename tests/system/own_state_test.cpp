// SPDX-License-Identifier: Apache-2.0
// What a job makes of its process is not the next job's: it is put back, or the worker is replaced, and no
// other job notices.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

TEST_CASE(
    "I limits that a job has lowered are as they were for the next one, in another process if it takes one") {
  DaemonConfig config;
  config.pool("misbehave", worker_binary("misbehave"), {{"size", "1"}});
  TestDaemon daemon(config);
  Client client = connect(daemon);
  const auto files = client.submit<rlim_t>("files_limit").result(kPatience);
  const auto process = client.submit<std::int64_t>("process").result(kPatience);
  for (const bool for_good : {false, true}) {
    CAPTURE(for_good);
    CHECK_FALSE(client.submit("lower_limits", for_good).failure(kPatience));
    CHECK(client.submit<rlim_t>("files_limit").result(kPatience) == files);
    if (!for_good) CHECK(client.submit<std::int64_t>("process").result(kPatience) == process);
  }
  CHECK(pool_view(client, "misbehave").crashes == 0);
}

TEST_CASE("I limits that a job has lowered for its worker, where it is a process of its own, are put back") {
  DaemonConfig config;
  config.pool("misbehave", worker_binary("misbehave"), {{"size", "1"}, {"isolation", "job"}});
  TestDaemon daemon(config);
  Client client = connect(daemon);
  const auto files = client.submit<rlim_t>("files_limit").result(kPatience);
  CHECK_FALSE(client.submit("lower_limits_of_parent").failure(kPatience));
  CHECK(client.submit<rlim_t>("files_limit").result(kPatience) == files);
  CHECK(pool_view(client, "misbehave").crashes == 0);
}

TEST_CASE("A2 many jobs that spoil their workers take none with them, also of those that run at most once") {
  DaemonConfig config;
  // As another user, who may not raise a limit again that it has lowered.
  config.pool("misbehave", worker_binary("misbehave"), {{"size", "4"}});
  if (::geteuid() == 0) config.set("pool.misbehave", "user", "nobody");
  TestDaemon daemon(config);
  Client client = connect(daemon);
  for (const Options& options :
       {Options(), Options().at_most_once(), Options().at_most_once().durability(Durability::memory)}) {
    std::vector<Future<void>> all;
    for (int i = 0; i < 60; ++i) all.push_back(client.submit<void>(options, "lower_limits", true));
    for (const auto& future : all) CHECK_NOTHROW(future.result(kPatience));
  }
  CHECK(pool_view(client, "misbehave").crashes == 0);
  CHECK(daemon.log().find("is replaced: job ") != std::string::npos);
  CHECK(daemon.log().find(" (lower_limits) has changed a resource limit, which cannot be undone\n") !=
        std::string::npos);
}

TEST_CASE("I what a job makes of signals and timers is not the next job's") {
  DaemonConfig config;
  config.pool("misbehave", worker_binary("misbehave"), {{"size", "1"}});
  TestDaemon daemon(config);
  Client client = connect(daemon);
  const auto process = client.submit<std::int64_t>("process").result(kPatience);
  CHECK_FALSE(client.submit("change_signals").failure(kPatience));
  for (const auto& [what, changed] :
       client.submit<std::map<std::string, bool>>("changed_signals").result(kPatience)) {
    CAPTURE(what);
    CHECK_FALSE(changed);
  }
  CHECK(client.submit<std::int64_t>("process").result(kPatience) == process);
}

TEST_CASE("I what a job makes of its process's attributes is not the next job's") {
  using Attributes = std::map<std::string, std::string>;
  DaemonConfig config;
  config.pool("misbehave", worker_binary("misbehave"), {{"size", "1"}});
  TestDaemon daemon(config);
  Client client = connect(daemon);
  const auto before = client.submit<Attributes>("attributes").result(kPatience);
  CHECK(before.at("signal at the parent's end") == std::to_string(SIGKILL));
  const auto process = client.submit<std::int64_t>("process").result(kPatience);
  for (const char* change : {"change_attributes", "stand_back"}) {
    CAPTURE(change);
    CHECK_FALSE(client.submit(change).failure(kPatience));
    for (const auto& [what, value] : client.submit<Attributes>("attributes").result(kPatience)) {
      CAPTURE(what);
      CHECK(value == before.at(what));
    }
    // Only root may take back that it has stood back; else there is another worker.
    const bool same = client.submit<std::int64_t>("process").result(kPatience) == process;
    CHECK(same == (::geteuid() == 0 || change == std::string("change_attributes")));
  }
  CHECK(pool_view(client, "misbehave").crashes == 0);
}

TEST_CASE("I a worker reads its umask without changing it, for other threads of its program make files too") {
  DaemonConfig config;
  config.pool("misbehave", worker_binary("misbehave"), {{"size", "1"}, {"arguments", "--dies-of-umask"}});
  TestDaemon daemon(config);
  Client client = connect(daemon);
  CHECK(client.submit<std::int64_t>("quick", 7).result(kPatience) == 7);
  CHECK(pool_view(client, "misbehave").crashes == 0);
}

TEST_CASE(
    "I3 what a job makes of its limit of the processor is not the next job's, whether the pool has one") {
  for (const char* cpu_time : {"0", "1min"}) {
    CAPTURE(cpu_time);
    DaemonConfig config;
    config.pool("misbehave", worker_binary("misbehave"), {{"size", "1"}, {"cpu_time", cpu_time}});
    TestDaemon daemon(config);
    Client client = connect(daemon);
    const auto limit = client.submit<rlim_t>("cpu_limit").result(kPatience);
    for (const rlim_t changed : {rlim_t{1000}, rlim_t{RLIM_INFINITY}}) {
      CHECK_FALSE(client.submit("set_cpu_limit", changed).failure(kPatience));
      CHECK(client.submit<rlim_t>("cpu_limit").result(kPatience) == limit);
    }
  }
}

TEST_CASE("I a worker that has joined another group, as root may, is replaced") {
  DaemonConfig config;
  config.pool("misbehave", worker_binary("misbehave"), {{"size", "1"}});
  TestDaemon daemon(config);
  Client client = connect(daemon);
  const auto process = client.submit<std::int64_t>("process").result(kPatience);
  const auto groups = client.submit<std::vector<std::int64_t>>("groups").result(kPatience);
  CHECK(client.submit<bool>("join_group", std::uint32_t{kStranger}).result(kPatience) == (::geteuid() == 0));
  CHECK(client.submit<std::vector<std::int64_t>>("groups").result(kPatience) == groups);
  CHECK((client.submit<std::int64_t>("process").result(kPatience) != process) == (::geteuid() == 0));
  CHECK(pool_view(client, "misbehave").crashes == 0);
}
