// SPDX-License-Identifier: Apache-2.0
// The thread that owns the store while the daemon runs. It takes all changes gathered since its last commit,
// writes them with one fsync, and posts the number of the last batch back: so one fsync serves all who came
// meanwhile (group commit), and an idle daemon commits at once. Also reads what is only there, and gives
// maintenance its turns, between commits. While the disk is full it keeps what it was given, in order, and
// tries again, with a growing pause.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/fd.hpp"
#include "daemon/flow.hpp"
#include "daemon/store/loads.hpp"
#include "daemon/store/maintenance.hpp"
#include "daemon/store/pending.hpp"
#include "daemon/store/store.hpp"

namespace promised {

class Committer {
 public:
  /// Throws std::system_error if the system has no thread or descriptor left.
  explicit Committer(std::unique_ptr<Store> store);
  /// Gives up maintenance, commits what it was given, then ends the thread; with the disk still full,
  /// without.
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
  /// Bytes of what was submitted and is not on disk yet (PendingChanges::bytes). Never waits.
  [[nodiscard]] std::uint64_t unwritten() const { return unwritten_.load(std::memory_order_relaxed); }

  /// Asks for something that is in the store; collect() brings it, with everything committed that was
  /// submitted before. While the disk is full it brings at once what is there; what may be among that which
  /// is still to be written, later.
  void load(LoadRequest what);

  /// Begins a check, a backup or a compaction; collect() brings event::StoreMaintained. One at a time: not
  /// while another one is under way.
  void maintain(effect::MaintainStore what);
  /// Gives it up, if one is under way; that is answered as ever.
  void stop_maintenance();
  /// How far it has come.
  [[nodiscard]] std::uint32_t maintenance_percent() const { return maintenance_percent_.load(); }

  struct News {
    std::uint64_t committed = 0;  ///< every batch up to here is on disk
    std::vector<Event> answers;   ///< to what was to be loaded
    /// Once: the store is of no more use. Nothing after `committed` may be counted on; no further news will
    /// come.
    std::optional<Problem> failed;
    /// Once, when it begins: the disk is full. It is over when facts.full_since is zero again.
    std::optional<Problem> full;
    StoreFacts facts;
  };
  /// What has happened since the last call; never blocks for the disk. Called by the loop only.
  [[nodiscard]] News collect();

 private:
  struct Wanted {
    LoadRequest what;
    std::uint64_t after;  ///< the last batch that was submitted before it
  };
  /// What the thread takes to work on, in one step.
  struct Work {
    PendingChanges changes;
    std::vector<Change> taken;     ///< what there is to write of them
    std::uint64_t last_batch = 0;  ///< of them; 0: there are none, or they are written
    std::deque<Wanted> wanted;
    std::vector<Wanted> parked;  ///< until last_batch is on disk
    bool only_read = false;      ///< it is not yet time to look for space again
    std::optional<effect::MaintainStore> to_maintain;
    bool stop_maintenance = false;
    bool turn = false;  ///< for maintenance
  };
  /// The thread's: that there is no space, and when to look again.
  struct Shortage {
    std::chrono::milliseconds pause{0};  ///< zero: there is space
    Instant retry_at{};
    bool eased = false;  ///< something has been written since
  };

  void run();
  /// Fills `work` (with nothing, if it is time to tidy); false: there will be none any more.
  [[nodiscard]] bool wait(Work& work);
  [[nodiscard]] Result<void> carry_out(Work& work);
  [[nodiscard]] Result<void> commit(Work& work);
  void tell_committed(Work& work);
  [[nodiscard]] Result<void> load_all(Work& work);
  void want_again(Work& work);
  [[nodiscard]] Result<void> tidy();
  [[nodiscard]] Result<void> maintain(Work& work);
  [[nodiscard]] Result<void> make_room(Work& work);
  void take_maintenance(Work& work);  // mutex_ is held
  void ask_for_turn();
  void fail(const Problem& problem);
  /// Keeps the work for when there is space; false: it is time to stop.
  [[nodiscard]] bool put_off(Work& work, const Problem& problem);
  void note_space();                           // mutex_ is held: something has been written
  void take_facts();                           // mutex_ is held
  [[nodiscard]] bool has_work() const;         // mutex_ is held
  [[nodiscard]] bool has_maintenance() const;  // mutex_ is held
  void count();                                // mutex_ is held
  void post();                                 // mutex_ is held

  std::unique_ptr<Store> store_;              // the thread's
  std::unique_ptr<Maintenance> maintenance_;  // the thread's
  std::atomic<std::uint32_t> maintenance_percent_{0};
  Fd wake_;
  std::mutex mutex_;
  std::condition_variable work_;
  PendingChanges pending_;                            // guarded by mutex_
  std::uint64_t submitted_ = 0;                       // guarded by mutex_
  std::uint64_t taken_ = 0;                           // guarded by mutex_
  std::uint64_t bytes_taken_ = 0;                     // guarded by mutex_: of taken changes, until on disk
  std::atomic<std::uint64_t> unwritten_ = 0;          // written with mutex_ held
  std::deque<Wanted> wanted_;                         // guarded by mutex_
  WallTime full_since_;                               // guarded by mutex_
  std::optional<effect::MaintainStore> to_maintain_;  // guarded by mutex_
  bool stop_maintenance_ = false;                     // guarded by mutex_
  bool turn_wanted_ = false;                          // guarded by mutex_: by maintenance
  News news_;                                         // guarded by mutex_
  bool posted_ = false;                               // guarded by mutex_: wake_ is readable
  bool failed_ = false;                               // guarded by mutex_
  bool stop_ = false;                                 // guarded by mutex_
  Shortage shortage_;                                 // the thread's
  bool needs_room_ = false;     // the thread's: maintenance does, on the store's own disk
  bool short_of_room_ = false;  // the thread's: maintenance was given up for that
  bool tidied_ = true;          // the thread's: nothing was written since tidy() had no more to do
  std::thread thread_;
};

}  // namespace promised
