// SPDX-License-Identifier: Apache-2.0
// The thread that owns the store while the daemon runs. It takes all changes gathered since its last commit,
// writes them with one fsync, and posts the number of the last batch back: so one fsync serves all who came
// meanwhile (group commit), and an idle daemon commits at once. Also reads what is only there, between
// commits.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "common/fd.hpp"
#include "daemon/flow.hpp"
#include "daemon/store/pending.hpp"
#include "daemon/store/store.hpp"

namespace promised {

class Committer {
 public:
  /// Throws std::system_error if the system has no thread or descriptor left.
  explicit Committer(std::unique_ptr<Store> store);
  /// Commits what it was given, then ends the thread.
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  /// Readable when collect() has news (an eventfd).
  [[nodiscard]] int fd() const;

  /// Hands over the changes of one turn, which are moved out of `changes` (it is left empty); returns their
  /// batch number, counting up from 1. No changes are no batch: the number is that of the batch before.
  /// Changes that cancel each other out before they reach the disk are never written (a durable unnamed job
  /// that ended and was delivered within one batch). Called by the loop only.
  std::uint64_t submit(std::vector<Change>& changes);

  /// Asks for something that is in the store; collect() brings it, with everything committed that was
  /// submitted before.
  using Load = std::variant<effect::LoadResult, effect::LoadBacklog, effect::LoadJob, effect::FindInBacklog,
                            effect::LoadParts>;
  void load(Load what);

  struct News {
    std::uint64_t committed = 0;  ///< every batch up to here is on disk
    std::vector<Event> answers;   ///< to what was to be loaded
    /// Once: the store is of no more use. Nothing after `committed` may be counted on; no further news will
    /// come.
    std::optional<Problem> failed;
    StoreFacts facts;
  };
  /// What has happened since the last call; never blocks for the disk. Called by the loop only.
  [[nodiscard]] News collect();

 private:
  /// What the thread takes to work on, in one step.
  struct Work {
    PendingChanges changes;
    std::uint64_t last_batch = 0;
    std::vector<Load> wanted;
  };

  void run();
  /// Fills `work` (with nothing, if it is time to tidy); false: there will be none any more.
  [[nodiscard]] bool wait(Work& work);
  [[nodiscard]] Result<void> carry_out(Work& work);
  [[nodiscard]] Result<void> commit(Work& work);
  [[nodiscard]] Result<void> load_all(std::vector<Load>& wanted);
  /// Nothing: it is not done yet, and `what` says how to go on.
  [[nodiscard]] Result<std::optional<Event>> answer(Load& what);
  [[nodiscard]] Result<void> tidy();
  void fail(const Problem& problem);
  [[nodiscard]] bool has_work() const;  // mutex_ is held
  void post();                          // mutex_ is held

  std::unique_ptr<Store> store_;  // the thread's
  Fd wake_;
  std::mutex mutex_;
  std::condition_variable work_;
  PendingChanges pending_;       // guarded by mutex_
  std::uint64_t submitted_ = 0;  // guarded by mutex_
  std::uint64_t taken_ = 0;      // guarded by mutex_
  std::vector<Load> wanted_;     // guarded by mutex_
  News news_;                    // guarded by mutex_
  bool posted_ = false;          // guarded by mutex_: wake_ is readable
  bool failed_ = false;          // guarded by mutex_
  bool stop_ = false;            // guarded by mutex_
  bool tidied_ = true;           // the thread's: nothing was written since tidy() had no more to do
  std::thread thread_;
};

}  // namespace promised
