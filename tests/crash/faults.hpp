// SPDX-License-Identifier: Apache-2.0
// A daemon whose every step towards the disk is counted, killed or made to fail, and whose power can be cut:
// the fault library (fault_library.cpp) from the side of the test.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/crash/fault_plan.hpp"
#include "tests/support/daemon.hpp"

namespace promised::test {

/// What is to happen in one life of a daemon; see kFaultsVariable for the words.
struct FaultPlan {
  std::string act = {};
  std::uint64_t at = 0;
  std::uint64_t chance = 0;
  std::uint64_t seed = 0;
  int error = 0;
  bool stays = false;
};
/// As one line, for a message that says what to repeat.
[[nodiscard]] std::string to_string(const FaultPlan& plan);

enum class PowerCut {
  none,         ///< a kill: what was written is there
  all_dropped,  ///< nothing is there that was not synced
  some_dropped  ///< a random part of the 4 KiB pages that were not synced are there
};

class Faults {
 public:
  /// For the state directory of `daemon`, which has not been started yet, or has left a state that is all on
  /// disk.
  explicit Faults(const TestDaemon& daemon);

  /// What to start the daemon's next life with.
  [[nodiscard]] std::map<std::string, std::optional<std::string>> environment(const FaultPlan& plan);

  struct Step {
    Operation operation;
    Place place;
  };
  /// What the last life did, in order; the first is number 1, at index 0.
  [[nodiscard]] std::vector<Step> steps() const;
  /// How many it has done so far.
  [[nodiscard]] std::uint32_t operations() const { return record_->operations; }
  /// The operation at which the plan was first carried out; nothing if it did not come to that.
  [[nodiscard]] std::optional<Step> struck() const;

  /// For the rest of this life.
  void set_disk(Disk disk) { record_->disk = disk; }

  /// How much of a file would be left by a power cut.
  [[nodiscard]] std::uintmax_t synced_size(const std::string& name) const;
  /// While no daemon runs: takes all that is there as synced.
  void take_as_synced();

  /// After the daemon was killed: makes of the state directory what a power cut would have left.
  void cut_power(PowerCut how, std::mt19937_64& random);

 private:
  struct Unmap {
    void operator()(FaultRecord* record) const;
  };
  [[nodiscard]] std::filesystem::path synced() const { return own_ / "synced"; }

  std::filesystem::path state_, own_;
  std::unique_ptr<FaultRecord, Unmap> record_;
};

/// What was struck, over many lives: "sync promised.db-wal: 12".
class Strikes {
 public:
  void add(const std::optional<Faults::Step>& step);
  [[nodiscard]] int count() const { return count_; }
  [[nodiscard]] std::string text() const;

 private:
  std::map<std::string, int> by_kind_;
  int count_ = 0;
};

}  // namespace promised::test
