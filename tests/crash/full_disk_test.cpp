// SPDX-License-Identifier: Apache-2.0
// The real daemon on a disk that is really full: it goes on, refuses what it cannot keep, and recovers by
// itself.
#include <doctest/doctest.h>
#include <signal.h>

#include <functional>
#include <thread>

#include "common/units.hpp"
#include "tests/crash/audit.hpp"
#include "tests/crash/load.hpp"
#include "tests/crash/small_disk.hpp"

namespace promised::test {
namespace {

const std::string kArguments(10'000, 'p');

struct Full {
  explicit Full(DaemonConfig config = config_for_load()) : daemon(config, TestDaemon::NotStarted{}) {
    start();
  }
  void start() { daemon.start(disk.environment()); }

  [[nodiscard]] Client connect() { return Client(options_for_load(daemon.endpoint(), ledger)); }
  [[nodiscard]] AnyFuture submit(Client& client, const std::string& key, Options options = {}) {
    return client.submit(options, "run", key, runs, 0, kArguments);
  }
  [[nodiscard]] LedgerEntry submit_named(Client& client, const std::string& key) {
    return {.key = key, .name = key, .future = submit(client, key, Options().remember(key, 10min))};
  }
  /// Twenty jobs, named before-0 and so on, which have ended.
  void run_some(Client& client) {
    for (int i = 0; i < 20; ++i) {
      LedgerEntry entry = submit_named(client, "before-" + std::to_string(i));
      REQUIRE(is_accepted(entry.future, kPatience));
      ledger.accepted(entry);
      entry.future.wait(kPatience);
    }
  }
  /// Fills the disk and submits until that has been found out; the first submission that was not accepted. It
  /// is unanswered, or refused if something else was to be written first.
  LedgerEntry fill_up(Client& client) {
    disk.fill();
    while (true) {
      LedgerEntry entry = submit_named(client, "filling-" + std::to_string(submissions++));
      bool accepted = false;
      REQUIRE(eventually([&] {
        try {
          accepted = is_accepted(entry.future, 1ms);
          return true;
        } catch (const TimeoutError&) {
          return client.status(kPatience).full_since != WallClock();
        }
      }));
      if (!accepted) return entry;
      ledger.accepted(entry);
    }
  }
  [[nodiscard]] std::size_t times_in_log(const std::string& text) const {
    const std::string log = daemon.log();
    std::size_t times = 0;
    for (std::size_t at = 0; (at = log.find(text, at)) != std::string::npos; ++at) ++times;
    return times;
  }

  TestDaemon daemon;
  SmallDisk disk{daemon};
  Ledger ledger;
  std::string runs = (daemon.directory() / "runs").string();
  int submissions = 0;
};

std::string refusal_of(const AnyFuture& future) {
  try {
    future.accepted(kPatience);
  } catch (const RefusedError& e) {
    return e.code() + ": " + e.what();
  }
  return "accepted";
}

std::string expected_refusal(const Full& full, WallClock since) {
  return "disk_full: the disk of " + full.daemon.state_dir().string() + " has been full since " +
         format_time(since) +
         ": nothing durable is accepted until there is space; free some there, or submit with durability "
         "memory; the daemon goes on by itself";
}

TEST_CASE("a store on a full disk is backed up to another disk, and what needs room there is told at once") {
  Full full;
  Client client = full.connect();
  full.run_some(client);
  const LedgerEntry unanswered = full.fill_up(client);
  const Finished check = promisectl(full.daemon, {"store", "check"});
  CHECK(check.exit == Exit{4, 0});
  const Finished compact = promisectl(full.daemon, {"store", "compact"});
  CHECK(compact.exit == Exit{4, 0});
  CHECK(compact.err.find("became full, and what had been begun was given up") != std::string::npos);
  const TempDirectory other;
  const Finished backup = promisectl(full.daemon, {"store", "backup", other / "backup"});
  CHECK(backup.exit == Exit{});
  CAPTURE(backup.err);
  expect_nothing_wrong(audit_store(other / "backup", full.ledger, full.ledger.entries()));
  CHECK_FALSE(unanswered.future.done());
  full.disk.free();
  REQUIRE(is_accepted(unanswered.future, kPatience));
}

TEST_CASE("DESIGN 2.8 a full disk refuses durable jobs, shows it, and takes them again when there is space") {
  Full full;
  Client client = full.connect();
  full.run_some(client);
  const LedgerEntry unanswered = full.fill_up(client);

  // Refused: durable jobs, and names for durable jobs. Memory jobs go on.
  const WallClock since = client.status(kPatience).full_since;
  CHECK(refusal_of(full.submit(client, "refused")) == expected_refusal(full, since));
  try {
    client.remember(full.ledger.entries()[0].future.id(), "other");
    FAIL_CHECK("remembered on a full disk");
  } catch (const RefusedError& e) {
    CHECK(e.code() == "disk_full");
  }
  const auto memory = full.submit(client, "memory", Options().durability(Durability::memory).remember("m"));
  CHECK(outcome_of(memory).starts_with("value memory "));
  CHECK(outcome_of(client.future("before-7")).starts_with("value before-7 "));

  // Forgetting takes effect, and is answered when it is on disk.
  std::thread forgetting([&] {
    full.ledger.name_is("before-3", NameIs::going);
    CHECK(client.forget("before-3", kPatience));
    full.ledger.name_is("before-3", NameIs::forgotten);
  });

  // Shown.
  const Finished human = promisectl(full.daemon, {"status"});
  CHECK(human.exit == Exit{1, 0});
  CHECK(human.out.find(": degraded, up ") != std::string::npos);
  CHECK(human.out.find("  ! the disk of " + full.daemon.state_dir().string() + " has been full since " +
                       format_time(since) +
                       ": durable jobs are refused until there is space; free some there\n") !=
        std::string::npos);
  const Finished json = promisectl(full.daemon, {"--output", "json", "status"});
  CHECK(json.exit == Exit{1, 0});
  CHECK(json.out.find("\"full_since\": \"") != std::string::npos);
  const Finished refused = promisectl(full.daemon, {"submit", "run", "x", full.runs, "0", "--text", ""});
  CHECK(refused.exit == Exit{4, 0});
  CHECK(refused.err.find("has been full since") != std::string::npos);
  const std::string full_status =
      "STATUS=the disk of " + full.daemon.state_dir().string() + " is full: durable jobs are refused\n";
  CHECK(full.daemon.notifications().ends_with(full_status));
  CHECK_FALSE(unanswered.future.done());
  CHECK(full.ledger.name_is("before-3") == NameIs::going);

  full.disk.free();
  REQUIRE(is_accepted(unanswered.future, kPatience));
  full.ledger.accepted(unanswered);
  forgetting.join();
  REQUIRE(eventually([&] { return client.status(kPatience).full_since == WallClock(); }));
  CHECK(promisectl(full.daemon, {"status"}).exit == Exit{});
  LedgerEntry after = full.submit_named(client, "after");
  REQUIRE(is_accepted(after.future, kPatience));
  full.ledger.accepted(after);
  CHECK(full.daemon.notifications().ends_with("STATUS=serving " + full.daemon.endpoint() + "\n"));
  CHECK(full.times_in_log("; until then durable jobs are refused, and the daemon goes on by itself") == 1);
  CHECK(full.times_in_log("there is space again in " + full.daemon.state_dir().string() + ", after ") == 1);

  full.daemon.kill9();
  expect_nothing_wrong(audit_store(full.daemon.state_dir(), full.ledger, full.ledger.entries()));
  full.start();
  expect_nothing_wrong(audit_names(full.daemon.endpoint(), full.ledger, full.ledger.entries()));
  expect_nothing_wrong(full.ledger.complaints());
}

TEST_CASE(
    "R9 a daemon that is killed on a full disk starts on it, has all it has acknowledged, and recovers") {
  Full full;
  Client client = full.connect();
  const LedgerEntry unanswered = full.fill_up(client);
  full.daemon.kill9();
  expect_nothing_wrong(audit_store(full.daemon.state_dir(), full.ledger, full.ledger.entries()));
  if (full.disk.is_real()) {
    full.start();
    expect_nothing_wrong(audit_names(full.daemon.endpoint(), full.ledger, full.ledger.entries()));
    full.disk.free();
  } else {
    full.disk.free();
    full.start();
  }
  // Submitted again by its client, to the daemon that came after.
  bool accepted = false;
  for (LedgerEntry entry = unanswered; !accepted;) {
    accepted = is_accepted(entry.future, kPatience);
    if (accepted) full.ledger.accepted(entry);
    entry = full.submit_named(client, "again-" + std::to_string(full.submissions++));
  }
  expect_nothing_wrong(audit_names(full.daemon.endpoint(), full.ledger, full.ledger.entries()));
}

TEST_CASE("E6 a daemon that is told to stop on a full disk ends within its grace, with 74 and a clear line") {
  Full full(config_for_load().set("daemon", "stop_grace", "200ms"));
  Client client = full.connect();
  const LedgerEntry unanswered = full.fill_up(client);
  full.daemon.signal(SIGTERM);
  CHECK(full.daemon.await_end() == Exit{kStoreFailed, 0});
  CHECK(full.times_in_log("the daemon was told to stop while the disk of " +
                          full.daemon.state_dir().string() +
                          " is full: what nobody has been told to be on disk is not (") == 1);
  expect_nothing_wrong(audit_store(full.daemon.state_dir(), full.ledger, full.ledger.entries()));
  full.disk.free();
  full.start();
  REQUIRE(is_accepted(unanswered.future, kPatience));
  full.ledger.accepted(unanswered);
  expect_nothing_wrong(audit_names(full.daemon.endpoint(), full.ledger, full.ledger.entries()));
}

TEST_CASE("E6 a daemon that is told to stop on a full disk stops well if there is space within its grace") {
  Full full;
  Client client = full.connect();
  const LedgerEntry unanswered = full.fill_up(client);
  full.daemon.signal(SIGTERM);
  REQUIRE(eventually([&] { return full.times_in_log("stopping: ") == 1; }));
  full.disk.free();
  CHECK(full.daemon.await_end() == Exit{});
  full.start();
  REQUIRE(is_accepted(unanswered.future, kPatience));
}

TEST_CASE(
    "E2 outcomes that wait for a full disk are bounded by max_unwritten, and all go on when there is space") {
  constexpr std::uint64_t kMost = 1 << 20;
  Full full(config_for_load().limit("max_message", "1MiB").limit("max_unwritten", "1MiB"));
  Client client = full.connect();
  const Options in_memory = Options().durability(Durability::memory);
  const auto blocker =
      client.submit(Options(in_memory).queue(kOrderedQueue), "run", "blocker", full.runs, 60'000, "");
  REQUIRE(eventually([&] { return Runs(full.runs).of("blocker") == 1; }));
  for (int i = 0; i < 200; ++i) {
    const std::string key = "behind-" + std::to_string(i);
    LedgerEntry entry{
        .key = key,
        .name = key,
        .future = full.submit(client, key, Options().remember(key, 10min).queue(kOrderedQueue))};
    REQUIRE(is_accepted(entry.future, kPatience));
    full.ledger.accepted(entry);
  }
  static_cast<void>(full.fill_up(client));
  client.cancel(blocker.id());
  const auto unwritten = [&] {
    for (const LimitView& limit : client.status(kPatience).limits) {
      if (limit.name == "max_unwritten") return limit.used;
    }
    return std::uint64_t{0};
  };
  REQUIRE(eventually([&] { return unwritten() >= kMost; }));
  const auto memory = full.submit(client, "memory", in_memory);
  CHECK(client.show(memory.id()).reason ==
        "no job begins until the disk has taken what waits for it (max_unwritten)");
  CHECK(unwritten() < 2 * kMost);
  CHECK(Runs(full.runs).of("behind-199") == 0);
  full.disk.free();
  CHECK(outcome_of(memory).starts_with("value memory "));
  for (const LedgerEntry& entry : full.ledger.entries())
    CHECK(outcome_of(entry.future).starts_with("value " + entry.key));
  full.daemon.kill9();
  expect_nothing_wrong(audit_store(full.daemon.state_dir(), full.ledger, full.ledger.entries()));
  full.start();
}

TEST_CASE("DESIGN 2.8 a disk that fills up and is freed again and again loses nothing that was accepted") {
  Full full;
  RunsAudit runs(full.runs);
  std::mt19937_64 random(20260731);
  Load load(full.ledger, full.daemon.endpoint(), full.runs, 3, 1, random());
  Client client = full.connect();
  for (int round = 0; round < 4; ++round) {
    CAPTURE(round);
    const std::size_t fill_at = full.ledger.count() + 1 + random() % 200;
    load.go_on_until(fill_at + 300);
    REQUIRE(full.ledger.wait_for(fill_at));
    full.disk.fill();
    load.go_on_until(Load::kWithoutEnd);  // what the files have room for comes first
    REQUIRE(eventually([&] { return client.status(kPatience).full_since != WallClock(); }));
    load.go_on_until(full.ledger.count());
    if (random() % 2 == 0) {
      full.daemon.kill9();
      expect_nothing_wrong(audit_store(full.daemon.state_dir(), full.ledger, full.ledger.entries()));
      full.disk.free();
      full.start();
    } else {
      full.disk.free();
      REQUIRE(eventually([&] { return client.status(kPatience).full_since == WallClock(); }));
    }
  }
  load.stop();
  const auto entries = full.ledger.entries();
  expect_nothing_wrong(audit_names(full.daemon.endpoint(), full.ledger, entries));
  expect_nothing_wrong(runs.check_ended(entries));
  expect_nothing_wrong(full.ledger.complaints());
  MESSAGE("jobs accepted: " << entries.size() << ", submissions refused: " << load.refused());
}

}  // namespace
}  // namespace promised::test
