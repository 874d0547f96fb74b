// SPDX-License-Identifier: Apache-2.0
// One long story: a daemon under load through many lives, each ended in its own way, and the ledger held
// against what is left after each.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>

#include "tests/crash/audit.hpp"
#include "tests/crash/faults.hpp"
#include "tests/crash/load.hpp"

namespace promised::test {

/// $PROMISED_CRASH_SEED, or a new one; says which.
[[nodiscard]] std::uint64_t choose_seed();
/// The number in the environment's `variable`. Without it `usual`, of which a sanitizer's build, with which a
/// life of the daemon takes several times as long, does a third: it looks for other things than bad luck.
[[nodiscard]] std::size_t choose_count(const char* variable, std::size_t usual);

class Storm {
 public:
  explicit Storm(std::uint64_t seed);

  /// One life: starts the daemon, lets the load go on until the plan has ended the daemon, or, where the plan
  /// is to count only, kills it after some hundred jobs. Then cuts the power, and audits what is on disk.
  /// Returns how the daemon ended.
  Exit live_and_die(const FaultPlan& plan, PowerCut cut);
  /// The same for a disk that fills up by the plan: what ends the daemon is a kill, some time after there was
  /// space again, or another failure before.
  Exit fill_up_and_die(const FaultPlan& plan, PowerCut cut);
  /// A last life without faults, in which everything comes to its end; audits all, and says the counts.
  void settle();

  /// Between two lives: all that the log has is in the database, as after a clean stop.
  void fold_log();
  /// Holds other files, or another daemon, against what was told so far.
  [[nodiscard]] Wrong audit(const std::filesystem::path& state_dir) const;
  [[nodiscard]] Wrong audit_told(const std::string& endpoint) const;

  [[nodiscard]] std::mt19937_64& random() { return random_; }
  [[nodiscard]] const TestDaemon& daemon() const { return daemon_; }
  [[nodiscard]] const Faults& faults() const { return faults_; }
  [[nodiscard]] bool was_ready() const { return was_ready_; }

 private:
  /// One life around what happens in it, with the audits.
  Exit live(const FaultPlan& plan, PowerCut cut, const std::function<Exit()>& until_the_end);
  Exit kill_after_some_jobs();
  Exit await_end();
  void expect_refusal();

  std::mt19937_64 random_;
  TestDaemon daemon_;
  Faults faults_;
  std::filesystem::path runs_;
  RunsAudit runs_audit_;
  Ledger ledger_;
  Load load_;
  Strikes strikes_;
  bool was_ready_ = false;
  int lives_ = 0, cuts_ = 0, full_ = 0;
};

}  // namespace promised::test
