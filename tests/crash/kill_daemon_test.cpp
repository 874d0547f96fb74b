// SPDX-License-Identifier: Apache-2.0
// DESIGN 2.1, 2.2: kill -9 of the daemon at any moment under load. PROMISED_CRASH_SEED repeats a run's
// choices.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <random>

#include "tests/crash/ledger.hpp"
#include "tests/crash/load.hpp"
#include "tests/support/daemon.hpp"

namespace promised::test {
namespace {

constexpr int kKills = 12;
constexpr int kSubmitters = 3;
/// So many jobs more than were waited for: the kill comes while there is work, and so do the audits.
constexpr std::size_t kGoesOn = 300;

std::uint64_t choose_seed() {
  const char* given = std::getenv("PROMISED_CRASH_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

void expect_nothing_wrong(const std::vector<std::string>& wrong) {
  for (const std::string& what : wrong) FAIL_CHECK(what);
  REQUIRE(wrong.empty());
}

/// A few of the entries, so that a round stays short; the last audit has all.
std::vector<LedgerEntry> some_of(const std::vector<LedgerEntry>& entries, std::mt19937_64& random) {
  std::vector<LedgerEntry> some;
  std::sample(entries.begin(), entries.end(), std::back_inserter(some), 200, random);
  return some;
}

void expect_runs(const std::vector<LedgerEntry>& entries, const std::map<std::string, int>& runs) {
  int again = 0;
  for (const LedgerEntry& entry : entries) {
    const auto found = runs.find(entry.key);
    const int times = found == runs.end() ? 0 : found->second;
    if (times > 1) ++again;
    const std::string outcome = outcome_of(entry.future);
    CAPTURE(entry.key);
    CAPTURE(outcome);
    if (entry.at_most_once) {
      CHECK(times <= 1);
      const bool fits =
          outcome.find(' ' + entry.key + ' ') != std::string::npos || outcome.find("failed interrupted") == 0;
      CHECK(fits);
    } else {
      CHECK(times >= 1);
      CHECK(outcome.find(' ' + entry.key + ' ') != std::string::npos);
    }
  }
  MESSAGE("jobs that ran again after a kill: " << again);
}

TEST_CASE("S2 R9 A4 nothing that was accepted is lost or ends twice, however often the daemon is killed") {
  const std::uint64_t seed = choose_seed();
  MESSAGE("PROMISED_CRASH_SEED=" << seed);
  std::mt19937_64 random(seed);
  DaemonConfig config;
  config.pool("ledger", LEDGER_WORKER, {{"size", "2"}, {"kill_grace", "300ms"}});
  TestDaemon daemon(config);
  const auto runs = daemon.directory() / "runs";
  Ledger ledger;
  Load load(ledger, daemon.endpoint(), runs, kSubmitters, seed);
  for (int kill = 0; kill < kKills; ++kill) {
    CAPTURE(kill);
    const std::size_t kill_at = ledger.count() + 1 + random() % 1500;
    load.go_on_until(kill_at + kGoesOn);
    REQUIRE(ledger.wait_for(kill_at));
    daemon.kill9();
    const std::vector<LedgerEntry> entries = ledger.entries();
    expect_nothing_wrong(audit_store(daemon.state_dir(), entries));
    daemon.start();
    expect_nothing_wrong(audit_names(daemon.endpoint(), some_of(entries, random)));
  }
  load.stop();
  const std::vector<LedgerEntry> entries = ledger.entries();
  expect_nothing_wrong(audit_names(daemon.endpoint(), entries));
  expect_runs(entries, runs_of(runs));
  expect_nothing_wrong(ledger.complaints());
  const auto named =
      std::count_if(entries.begin(), entries.end(), [](const auto& e) { return !e.name.empty(); });
  MESSAGE("kills: " << kKills << ", jobs accepted: " << entries.size() << ", of them named: " << named);
}

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
