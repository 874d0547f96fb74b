// SPDX-License-Identifier: Apache-2.0
// What is left of a killed daemon for others than those who were there before.
#include <doctest/doctest.h>

#include "tests/crash/load.hpp"
#include "tests/support/daemon.hpp"

namespace promised::test {
namespace {

TEST_CASE("R9 what was accepted before a kill is served when nobody is left who submitted it") {
  DaemonConfig config;
  config.pool("ledger", LEDGER_WORKER, {{"size", "2"}});
  TestDaemon daemon(config);
  const auto runs = (daemon.directory() / "runs").string();
  ClientOptions options;
  options.endpoint = daemon.endpoint();
  options.connect_timeout = kPatience;
  constexpr int kJobs = 500;
  {
    Client client(options);
    std::vector<AnyFuture> futures;
    for (int i = 0; i < kJobs; ++i) {
      const std::string key = std::to_string(i);
      futures.push_back(client.submit(Options().remember("kept-" + key, 10min), "run", key, runs, 0, ""));
    }
    for (const AnyFuture& future : futures) future.accepted(kPatience);
  }
  daemon.restart_after_kill();
  Client client(options);
  std::vector<Future<std::string>> futures;
  for (int i = 0; i < kJobs; ++i) futures.push_back(client.future<std::string>("kept-" + std::to_string(i)));
  for (int i = 0; i < kJobs; ++i) {
    const std::string value = futures[static_cast<std::size_t>(i)].result(kPatience);
    CHECK(value.find(std::to_string(i) + " ") == 0);
  }
}

}  // namespace
}  // namespace promised::test
