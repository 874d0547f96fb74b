// SPDX-License-Identifier: Apache-2.0
// The daemon stopped at every step that it takes towards the disk, one after the other: a run that counts
// them, and then a run for each.
#include <doctest/doctest.h>
#include <signal.h>

#include <array>
#include <cerrno>
#include <map>
#include <utility>
#include <vector>

#include "tests/crash/script.hpp"
#include "tests/crash/storm.hpp"

namespace promised::test {
namespace {

/// One run of the script on a fresh daemon.
class Rehearsal {
 public:
  Rehearsal() : daemon_(config_for_load(), TestDaemon::NotStarted{}), faults_(daemon_) {}

  /// The first life by the plan, until it has struck or the script is over and the daemon has been told to
  /// stop; then one without faults for the rest of the script, and the audits. Returns how the first ended.
  Exit play(const FaultPlan& plan, PowerCut cut, std::mt19937_64& random) {
    const auto runs = daemon_.directory() / "runs";
    RunsAudit runs_audit(runs);
    const auto at_start = daemon_.try_start(faults_.environment(plan));
    was_ready_ = !at_start;
    Script script(ledger_, daemon_.endpoint(), runs);
    const Exit exit = at_start ? *at_start : end_of_life(script, plan.error == ENOSPC);
    struck_ = faults_.struck();
    faults_.cut_power(cut, random);
    std::vector<LedgerEntry> entries = ledger_.entries();
    expect_nothing_wrong(audit_store(daemon_.state_dir(), ledger_, entries));
    expect_nothing_wrong(runs_audit.check(entries));
    daemon_.start();
    REQUIRE(eventually([&] { return script.over(); }));
    entries = ledger_.entries();
    expect_nothing_wrong(ledger_.complaints());
    expect_nothing_wrong(audit_names(daemon_.endpoint(), ledger_, entries));
    expect_nothing_wrong(runs_audit.check_ended(entries));
    return exit;
  }

  [[nodiscard]] const TestDaemon& daemon() const { return daemon_; }
  [[nodiscard]] const Faults& faults() const { return faults_; }
  [[nodiscard]] std::optional<Faults::Step> struck() const { return struck_; }
  [[nodiscard]] bool was_ready() const { return was_ready_; }
  [[nodiscard]] bool was_stopped() const { return was_stopped_; }
  [[nodiscard]] bool was_full() const { return was_full_; }
  [[nodiscard]] std::size_t entries() const { return ledger_.count(); }

 private:
  Exit end_of_life(const Script& script, bool may_be_full) {
    // There is space again as soon as the daemon has said that there is none.
    const auto free_space = [&] {
      if (!may_be_full || daemon_.log().find("; until then durable jobs are refused") == std::string::npos)
        return;
      was_full_ = true;
      faults_.set_disk(Disk::whole);
    };
    REQUIRE(eventually([&] {
      free_space();
      return script.over() || !daemon_.running();
    }));
    was_stopped_ = daemon_.running();
    if (was_stopped_) daemon_.signal(SIGTERM);
    REQUIRE(eventually([&] {
      free_space();
      return !daemon_.running();
    }));
    const auto exit = daemon_.await_end();
    REQUIRE(exit.has_value());
    return *exit;
  }

  TestDaemon daemon_;
  Faults faults_;
  Ledger ledger_;
  std::optional<Faults::Step> struck_;
  bool was_ready_ = false;
  bool was_stopped_ = false;
  bool was_full_ = false;
};

/// So many numbers of operations, the same share of every kind: as far apart as they can be, and beginning
/// elsewhere with each seed, so that the seeds together have them all.
std::vector<std::uint64_t> choose_steps(const std::vector<Faults::Step>& steps, std::size_t most,
                                        std::mt19937_64& random) {
  std::map<std::pair<Operation, Place>, std::vector<std::uint64_t>> by_kind;
  for (std::size_t i = 0; i < steps.size(); ++i)
    by_kind[{steps[i].operation, steps[i].place}].push_back(i + 1);
  std::vector<std::uint64_t> chosen;
  for (const auto& [kind, numbers] : by_kind) {
    const std::size_t share = std::max<std::size_t>(most / by_kind.size(), 1);
    const std::size_t stride = std::max<std::size_t>(numbers.size() / share, 1);
    for (std::size_t i = random() % stride; i < numbers.size(); i += stride) chosen.push_back(numbers[i]);
  }
  return chosen;
}

std::vector<std::uint64_t> rehearse_and_choose(std::size_t usual, std::mt19937_64& random) {
  Rehearsal rehearsal;
  CHECK(rehearsal.play({}, PowerCut::none, random) == Exit{});
  const auto steps = rehearsal.faults().steps();
  REQUIRE(steps.size() > 100);
  MESSAGE("operations of the script: " << steps.size() << ", jobs: " << rehearsal.entries());
  return choose_steps(steps, choose_count("PROMISED_CRASH_STEPS", usual), random);
}

TEST_CASE("S7 R9 a kill or a power cut at any step towards the disk loses nothing, and the client goes on") {
  constexpr std::array kActs{"kill_before", "kill_after", "kill_half"};
  constexpr std::array kCuts{PowerCut::none, PowerCut::all_dropped, PowerCut::some_dropped};
  std::mt19937_64 random(choose_seed());
  const auto chosen = rehearse_and_choose(33, random);
  Strikes strikes;
  std::size_t jobs = 0;
  for (const std::uint64_t at : chosen) {
    const FaultPlan plan{.act = kActs[random() % kActs.size()], .at = at};
    const PowerCut cut = kCuts[random() % kCuts.size()];
    CAPTURE(to_string(plan));
    CAPTURE(static_cast<int>(cut));
    Rehearsal rehearsal;
    const Exit exit = rehearsal.play(plan, cut, random);
    CHECK(exit == (rehearsal.struck() ? Exit{0, SIGKILL} : Exit{}));
    strikes.add(rehearsal.struck());
    jobs += rehearsal.entries();
  }
  MESSAGE("kills: " << strikes.count() << " (" << strikes.text() << "), jobs: " << jobs);
  // What falls into one commit takes fewer steps: some runs are over before the number has come.
  CHECK(strikes.count() * 2 >= static_cast<int>(chosen.size()));
}

TEST_CASE(
    "DESIGN 2.8 a failure of any step towards the disk ends the daemon, or is survived where the disk was "
    "full, and loses nothing") {
  constexpr std::array kErrors{ENOSPC, EIO, EROFS};
  std::mt19937_64 random(choose_seed());
  const auto chosen = rehearse_and_choose(22, random);
  Strikes strikes;
  std::map<std::string, int> ends;
  int full = 0;
  for (const std::uint64_t at : chosen) {
    FaultPlan plan{.act = random() % 4 == 0 ? "short" : "fail", .at = at, .stays = random() % 2 == 0};
    plan.error = kErrors[random() % kErrors.size()];
    CAPTURE(to_string(plan));
    Rehearsal rehearsal;
    const Exit exit = rehearsal.play(plan, PowerCut::all_dropped, random);
    CAPTURE(to_string(exit));
    strikes.add(rehearsal.struck());
    ++ends[to_string(exit)];
    full += rehearsal.was_full() ? 1 : 0;
    if (rehearsal.was_ready() && plan.error == ENOSPC && rehearsal.struck()->operation == Operation::write) {
      CHECK(exit == Exit{});
      continue;
    }
    if (exit == Exit{}) {
      // What failed was of no matter, or came when all had been told that it was over.
      CHECK(rehearsal.was_stopped());
      continue;
    }
    // Told to stop while it was ending already: the signals are let through again before the process is gone.
    if (exit == Exit{0, SIGTERM} && rehearsal.was_stopped()) continue;
    CHECK(exit.signal == 0);
    if (rehearsal.was_ready()) {
      CHECK(exit.code == kStoreFailed);
      const std::string log = rehearsal.daemon().log();
      CHECK(log.find("the store failed, nothing more is accepted: ") != std::string::npos);
      CHECK(log.find("what was accepted before is safe") != std::string::npos);
    }
  }
  std::string all;
  for (const auto& [end, count] : ends) all += (all.empty() ? "" : ", ") + end + ": " + std::to_string(count);
  MESSAGE("failures: " << strikes.count() << " (" << strikes.text() << "); the daemon ended with " << all
                       << "; full disks survived: " << full);
}

}  // namespace
}  // namespace promised::test
