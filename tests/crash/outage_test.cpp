// SPDX-License-Identifier: Apache-2.0
// What those see who are there when the daemon dies or its disk fails.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/crash/audit.hpp"
#include "tests/crash/faults.hpp"
#include "tests/crash/load.hpp"

namespace promised::test {
namespace {

struct Outage {
  TestDaemon daemon{config_for_load(), TestDaemon::NotStarted{}};
  Faults faults{daemon};
  std::string runs = (daemon.directory() / "runs").string();
  Ledger ledger;

  [[nodiscard]] Client client() { return Client(options_for_load(daemon.endpoint(), ledger)); }
  [[nodiscard]] int runs_of(const std::string& key) const { return Runs(runs).of(key); }
  /// The number of the first step like this in the last life.
  [[nodiscard]] std::uint64_t number_of(Operation operation, Place place, std::uint64_t after = 0) const {
    const auto steps = faults.steps();
    for (std::uint64_t n = after; n < steps.size(); ++n) {
      if (steps[n].operation == operation && steps[n].place == place) return n + 1;
    }
    return 0;
  }
};

TEST_CASE(
    "S7 who waits while the daemon is killed and started again gets the result without doing anything") {
  Outage outage;
  outage.daemon.start();
  Client submitter = outage.client();
  const auto future = submitter.submit<std::string>(Options().remember("kept", 10min), "run", "waited-for",
                                                    outage.runs, 300, "");
  future.accepted(kPatience);
  REQUIRE(eventually([&] { return outage.runs_of("waited-for") == 1; }));
  Client other = outage.client();
  const auto by_name = other.future<std::string>("kept");
  by_name.accepted(kPatience);
  outage.daemon.kill9();
  CHECK_FALSE(future.done());
  outage.daemon.start();
  const std::string told = future.result(kPatience);
  CHECK(told.starts_with("waited-for "));
  CHECK(by_name.result(kPatience) == told);
  CHECK(outage.runs_of("waited-for") == 2);
  expect_nothing_wrong(outage.ledger.complaints());
}

TEST_CASE(
    "R8 what its submitter has heard after the daemon was killed is forgotten, as it is without a kill") {
  Outage outage;
  outage.daemon.start();
  Client client = outage.client();
  // None ends before the kill: what has arrived and was not acknowledged then is kept for keep_unfetched.
  client.steer_queue("default", {.paused = true});
  std::vector<Future<std::string>> futures;
  for (int i = 0; i < 20; ++i) {
    futures.push_back(
        client.submit<std::string>(Options(), "run", "job-" + std::to_string(i), outage.runs, 0, ""));
    futures.back().accepted(kPatience);
  }
  outage.daemon.kill9();
  outage.daemon.start();
  client.steer_queue("default", {.paused = false});
  for (const auto& future : futures) CHECK(future.result(kPatience).starts_with("job-"));
  CHECK(eventually([&] {  // with each question what has arrived before is acknowledged
    const auto jobs = client.status(kPatience).jobs_by_state;
    return std::all_of(jobs.begin(), jobs.end(), [](std::uint64_t count) { return count == 0; });
  }));
  expect_nothing_wrong(outage.ledger.complaints());
}

TEST_CASE(
    "S2 what was not on disk when the daemon was killed is submitted again, as the same job, and runs once") {
  Outage outage;
  // The first life makes the database, so that the first sync of the log in the next is for the job.
  outage.daemon.start(outage.faults.environment({}));
  CHECK(outage.daemon.stop() == Exit{});
  outage.daemon.start(outage.faults.environment({}));
  {
    Client client = outage.client();
    // Its end is on disk when it is told: nothing of it is left to write in the next life.
    client.submit(Options().remember("other", 10min), "run", "other", outage.runs, 0, "").wait(kPatience);
  }
  const std::uint64_t first_sync = outage.number_of(Operation::sync, Place::log);
  REQUIRE(first_sync > 0);
  CHECK(outage.daemon.stop() == Exit{});
  for (const PowerCut cut : {PowerCut::none, PowerCut::all_dropped}) {
    const std::string key = "resubmitted-" + std::to_string(static_cast<int>(cut));
    CAPTURE(key);
    outage.daemon.start(outage.faults.environment({.act = "kill_before", .at = first_sync}));
    Client client = outage.client();
    const auto future = client.submit<std::string>(Options().at_most_once().remember(key, 10min), "run", key,
                                                   outage.runs, 0, "");
    const JobId id = future.id();
    CHECK(outage.daemon.await_end() == Exit{0, SIGKILL});
    CHECK_FALSE(future.done());
    std::mt19937_64 random(1);
    outage.faults.cut_power(cut, random);
    CHECK(outage.runs_of(key) == 0);
    outage.daemon.start(outage.faults.environment({}));
    CHECK(future.result(kPatience).starts_with(key));
    CHECK(client.show(key).id == id);
    CHECK(outage.runs_of(key) == 1);
    CHECK(outage.daemon.stop() == Exit{});
  }
  expect_nothing_wrong(outage.ledger.complaints());
}

TEST_CASE("S2 what is submitted while no daemon is there runs once, under its own id, when there is one") {
  Outage outage;
  outage.daemon.start();
  Client client = outage.client();
  client.submit("run", "before", outage.runs, 0, "").wait(kPatience);
  outage.daemon.kill9();
  const auto future = client.submit<std::string>("run", "meanwhile", outage.runs, 0, "");
  const JobId id = future.id();
  outage.daemon.start();
  CHECK(future.result(kPatience).starts_with("meanwhile "));
  CHECK(future.id() == id);
  CHECK(outage.runs_of("meanwhile") == 1);
}

/// Waits until the daemon has said that it has accepted the job, or has ended.
bool accepted_or_ended(Outage& outage, const AnyFuture& future) {
  bool accepted = false;
  REQUIRE(eventually([&] {
    try {
      future.accepted(1ms);
      return accepted = true;
    } catch (const TimeoutError&) {
      return !outage.daemon.running();
    }
  }));
  return accepted;
}

/// Submits until the daemon ends; all futures, of which all but perhaps the last were accepted.
std::vector<AnyFuture> submit_until_end(Outage& outage, Client& client, const std::string& key) {
  std::vector<AnyFuture> submitted;
  for (int i = 0; i < 10'000 && outage.daemon.running(); ++i) {
    const std::string own = key + "-" + std::to_string(i);
    submitted.push_back(client.submit(Options().remember(own, 10min), "run", own, outage.runs, 0, ""));
    static_cast<void>(accepted_or_ended(outage, submitted.back()));
  }
  return submitted;
}

TEST_CASE("DESIGN 2.8 a disk that is broken or read-only ends the daemon with 74, and the log says why") {
  Outage outage;
  Client client = outage.client();
  for (const int error : {EIO, EROFS}) {
    for (const char* act : {"fail", "short"}) {
      const std::string key = std::string(act) + std::to_string(error);
      CAPTURE(key);
      outage.daemon.start(outage.faults.environment({.act = act, .at = 400, .error = error, .stays = true}));
      const auto submitted = submit_until_end(outage, client, key);
      CHECK(outage.daemon.await_end() == Exit{kStoreFailed, 0});
      const std::string log = outage.daemon.log();
      CHECK(log.find("the store failed, nothing more is accepted: cannot write to ") != std::string::npos);
      REQUIRE(outage.faults.struck());
      const auto advice = log.rfind("see the kernel's log");
      REQUIRE(advice != std::string::npos);
      CHECK(advice > log.rfind("the store failed"));
      CHECK(submitted.size() > 2);
      outage.daemon.start();
      // What was not accepted is submitted again.
      for (const AnyFuture& future : submitted) CHECK(outcome_of(future).starts_with("value " + key));
      CHECK(outage.daemon.stop() == Exit{});
    }
  }
  expect_nothing_wrong(outage.ledger.complaints());
}

TEST_CASE("DESIGN 2.8 a directory that cannot be synced accepts nothing that a power cut would take away") {
  Outage outage;
  Client client = outage.client();
  const auto submit = [&](const std::string& key) {
    return client.submit(Options().remember(key, 10min), "run", key, outage.runs, 0, "");
  };
  // Each life begins without a log, as after a clean stop, makes one, and syncs the directory for its name.
  outage.daemon.start();
  CHECK(outage.daemon.stop() == Exit{});
  outage.daemon.start(outage.faults.environment({}));
  submit("a").accepted(kPatience);
  std::vector<std::uint64_t> syncs;
  for (std::uint64_t n = 0; (n = outage.number_of(Operation::sync, Place::directory, n)) != 0;)
    syncs.push_back(n);
  CHECK(outage.daemon.stop() == Exit{});
  REQUIRE_FALSE(syncs.empty());
  for (const std::uint64_t at : syncs) {
    CAPTURE(at);
    const std::string key = "b" + std::to_string(at);
    const auto at_start =
        outage.daemon.try_start(outage.faults.environment({.act = "fail", .at = at, .error = EIO}));
    const auto future = submit(key);
    if (!at_start && accepted_or_ended(outage, future)) {
      outage.ledger.accepted({.key = key, .name = key, .future = future});
      future.wait(kPatience);
      outage.daemon.kill9();
    }
    std::mt19937_64 random(1);
    outage.faults.cut_power(PowerCut::all_dropped, random);
    expect_nothing_wrong(audit_store(outage.daemon.state_dir(), outage.ledger, outage.ledger.entries()));
    outage.daemon.start();
    CHECK(outcome_of(future).starts_with("value " + key));
    CHECK(outage.daemon.stop() == Exit{});
  }
}

TEST_CASE("DESIGN 2.8 a sync that fails ends the daemon with 74, also where it fails of a full disk") {
  Outage outage;
  outage.daemon.start();
  CHECK(outage.daemon.stop() == Exit{});
  outage.daemon.start(outage.faults.environment({}));
  Client client = outage.client();
  client.submit(Options().remember("a", 10min), "run", "a", outage.runs, 0, "").wait(kPatience);
  const std::uint64_t sync = outage.number_of(Operation::sync, Place::log);
  REQUIRE(sync > 0);
  CHECK(outage.daemon.stop() == Exit{});
  outage.daemon.start(outage.faults.environment({.act = "fail", .at = sync, .error = ENOSPC}));
  const auto future = client.submit(Options().remember("b", 10min), "run", "b", outage.runs, 0, "");
  CHECK(outage.daemon.await_end() == Exit{kStoreFailed, 0});
  outage.daemon.start();
  CHECK(outcome_of(future).starts_with("value b"));
  CHECK(outage.daemon.stop() == Exit{});
}

TEST_CASE("DESIGN 2.8 a result's file that cannot be synced for want of space is written anew") {
  Outage outage;
  outage.daemon.start(outage.faults.environment({}));
  Client client = outage.client();
  const auto full = [&] { return client.status(kPatience).full_since != WallClock(); };
  outage.faults.set_disk(Disk::too_full_for_results);
  const std::string large(100'000, 'r');
  const auto future =
      client.submit<std::string>(Options().remember("large", 10min), "run", "large", outage.runs, 0, large);
  REQUIRE(eventually(full));
  CHECK_FALSE(future.done());
  outage.faults.set_disk(Disk::whole);
  CHECK(future.result(kPatience).ends_with(large));
  CHECK(outage.runs_of("large") == 1);
  CHECK(outage.daemon.running());
  outage.daemon.restart_after_kill();
  CHECK(client.future<std::string>("large").result(kPatience).ends_with(large));
  CHECK(outage.daemon.stop() == Exit{});
}

TEST_CASE(
    "DESIGN 2.8 a disk too full to remove a result's file loses nothing, and the file goes when there is "
    "space") {
  Outage outage;
  outage.daemon.start(outage.faults.environment({}));
  Client client = outage.client();
  const std::string large(100'000, 'r');
  const auto named =
      client.submit<std::string>(Options().remember("large", 10min), "run", "large", outage.runs, 0, large);
  named.wait(kPatience);
  const auto results = outage.daemon.state_dir() / "results";
  REQUIRE_FALSE(std::filesystem::is_empty(results));
  const auto full = [&] { return client.status(kPatience).full_since != WallClock(); };

  outage.faults.set_disk(Disk::unremovable);
  // Other jobs are in the same commit: none of them is written twice.
  std::vector<Future<std::string>> others;
  const auto submit_some = [&] {
    for (int i = 0; i < 100; ++i) {
      const std::string key = "other-" + std::to_string(others.size());
      others.push_back(
          client.submit<std::string>(Options().remember(key, 10min), "run", key, outage.runs, 0, ""));
    }
  };
  submit_some();
  CHECK_FALSE(client.future<std::string>("large").take(kPatience).empty());
  submit_some();
  REQUIRE(eventually(full));
  CHECK_FALSE(std::filesystem::is_empty(results));

  outage.faults.set_disk(Disk::whole);
  REQUIRE(eventually([&] { return !full(); }));
  CHECK(eventually([&] { return std::filesystem::is_empty(results); }));
  for (const auto& other : others) CHECK_FALSE(other.result(kPatience).empty());
  CHECK(outage.daemon.stop() == Exit{});
}

TEST_CASE(
    "DESIGN 2.8 who waits while the store fails is told why, and the next daemon tells of it until it ends") {
  Outage outage;
  outage.daemon.start(outage.faults.environment({.act = "fail", .at = 400, .error = EIO, .stays = false}));
  ClientOptions hasty = options_for_load(outage.daemon.endpoint(), outage.ledger);
  hasty.connect_timeout = 3s;
  Client waiting(hasty);
  // Of its own accord it asks for nothing in the moment of the failure.
  const auto long_one = waiting.submit(Options().durability(Durability::memory).queue(kOrderedQueue), "run",
                                       "long", outage.runs, 60'000, "");
  long_one.accepted(kPatience);
  Client client = outage.client();
  static_cast<void>(submit_until_end(outage, client, "e"));
  CHECK(outage.daemon.await_end() == Exit{kStoreFailed, 0});
  std::string told;
  try {
    long_one.wait();
  } catch (const DisconnectedError& e) {
    told = e.what();
  }
  CHECK(told.find(
            ". Before it went it said: the daemon's store failed, and it accepts nothing more: cannot ") !=
        std::string::npos);
  CHECK(outage.daemon.notifications().find("STATUS=the store failed: cannot ") != std::string::npos);
  const Finished nobody = promisectl(outage.daemon, {"status"});
  CHECK(nobody.exit == Exit{2, 0});

  const auto note = outage.daemon.state_dir() / "store-failed";
  CHECK(std::filesystem::exists(note));
  outage.daemon.start();
  const StatusView status = client.status(kPatience);
  CHECK(status.store_failed_at != WallClock());
  CHECK(status.store_failure.find("disk I/O error") != std::string::npos);
  CHECK(status.health == "ok");
  client.submit(Options().remember("z", 10min), "run", "z", outage.runs, 0, "").wait(kPatience);
  CHECK(eventually([&] { return !std::filesystem::exists(note); }));
  CHECK(client.status(kPatience).store_failed_at == status.store_failed_at);
  CHECK(outage.daemon.stop() == Exit{});
  outage.daemon.start();
  CHECK(client.status(kPatience).store_failed_at == WallClock());
  CHECK(outage.daemon.stop() == Exit{});
  expect_nothing_wrong(outage.ledger.complaints());
}

}  // namespace
}  // namespace promised::test
