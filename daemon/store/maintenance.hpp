// SPDX-License-Identifier: Apache-2.0
// What is done to the store by hand while it is in use: checked, backed up, compacted (docs/durability.md).
// The committer owns it and gives it turns between its commits, in which it adds to a copy of the database or
// gives back space. Everything that follows the copying (looking at the copy, copying results that are files,
// syncing, naming) happens on a thread of its own, which never touches the live database.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/flow.hpp"
#include "daemon/store/findings.hpp"
#include "daemon/store/shared_copy.hpp"
#include "daemon/store/store.hpp"
#include "daemon/store/unfinished_copy.hpp"

namespace promised {

class Maintenance {
 public:
  /// `ask` makes the committer take a turn, soon, and may be called from any thread. `percent` is kept up to
  /// date with how far it is. `percent` must outlive this.
  Maintenance(effect::MaintainStore what, std::string state_directory, std::function<void()> ask,
              std::atomic<std::uint32_t>& percent);
  /// Gives up what is not done, and removes what is unfinished.
  ~Maintenance();
  Maintenance(const Maintenance&) = delete;
  Maintenance& operator=(const Maintenance&) = delete;

  enum class Turn {
    again,  ///< another one, when there is nothing more urgent
    wait,   ///< it asks for the next one
    done    ///< outcome() has what came of it
  };
  /// Some milliseconds of work, for the committer. A Problem is the store's own.
  [[nodiscard]] Result<Turn> take_turn(Store& store);
  /// Once, after Turn::done.
  [[nodiscard]] event::StoreMaintained outcome();

  /// Gives up; what comes of that is still told as ever.
  void stop();

 private:
  void run();
  [[nodiscard]] Result<void> check();
  [[nodiscard]] Result<void> back_up();
  [[nodiscard]] Result<void> look_at(const UnfinishedCopy& copy, const std::string& results_in);
  [[nodiscard]] Result<void> look_at_pages_and_rows(Database& copy);
  [[nodiscard]] Result<void> copy_into(const UnfinishedCopy& copy);
  [[nodiscard]] Result<Turn> compact(Store& store);
  void finish(std::optional<Problem> problem);

  const effect::MaintainStore what_;
  const std::string state_directory_;
  const std::function<void()> ask_;
  std::atomic<std::uint32_t>& percent_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::atomic<bool> stop_{false};
  SharedCopy copy_;
  StoreReport report_;
  Findings findings_;
  std::optional<std::uint64_t> pages_to_return_;  ///< compact, once it has begun

  std::mutex mutex_;
  Database* looked_at_ = nullptr;                  // guarded by mutex_
  std::optional<event::StoreMaintained> outcome_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace promised
