// SPDX-License-Identifier: Apache-2.0
// The jobs that a worker has been given, and what is known of which of them it has begun.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "common/claim_page.hpp"
#include "daemon/nouns.hpp"

namespace promised {

struct Job;

/// What a worker has been given and has not told the end of, by rising sequence numbers. The first counts as
/// running; those behind it are prefetched, and are taken back from the end. Which have begun the worker
/// knows, and says on the page that it shares with the daemon; the daemon asks for that when it takes jobs
/// back, or learns it from a report. As the page is the job's own memory too, a worker may tell anything.
class WorkerChannel {
 public:
  struct Slot {
    Job* job;
    std::uint32_t sequence;
    Nanos estimate;           ///< of its run
    std::uint64_t batch = 0;  ///< of the store, which is to be on disk before the worker is told; 0: none
  };
  /// What the worker ought to have done by now.
  enum class Overdue : std::uint8_t {
    nothing,
    beginning,  ///< of the first
    report,     ///< of how the first has ended, as it says that it has begun others
    not_told    ///< nothing, if it had not been told of the first when its time began: see wait_for_disk()
  };

  [[nodiscard]] bool empty() const { return slots_.empty(); }
  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] const Slot& front() const { return slots_.front(); }
  [[nodiscard]] const Slot& operator[](std::size_t place) const { return slots_[place]; }
  [[nodiscard]] auto begin() const { return slots_.begin(); }
  [[nodiscard]] auto end() const { return slots_.end(); }
  /// What it holds will usually take.
  [[nodiscard]] Nanos load() const { return load_; }
  /// The number of the next to be put in.
  [[nodiscard]] std::uint32_t next_sequence() const { return next_; }
  /// Nothing may be put behind what it holds: by close_until(), or because the worker has not begun what was
  /// taken back from it; it may be stopped, and one job is enough to see that it is not.
  [[nodiscard]] bool is_closed() const { return closed_ || (!slots_.empty() && unbegun_ > Nanos(0)); }

  /// The job is the last from now on.
  const Slot& put(Job& job, Nanos estimate);
  /// The only one in it is told to the worker when `batch` is on disk, and nothing is put behind it.
  void close_until(std::uint64_t batch);
  /// The first has ended, or is lost with its worker.
  Slot take_first();
  /// The last has not begun, and belongs to the worker no longer.
  Slot take_back_last(Instant now);

  /// The first counts as running from now on, and is to begin in time. The time of those counts too that were
  /// first and were taken back, since the worker has begun one.
  void start_first(Instant now);
  /// Since when it does, without the time in which it waited for others.
  [[nodiscard]] Instant first_since() const { return first_since_; }
  void pause_first(Nanos time) { first_since_ += time; }
  /// It has reported something: it has begun, for certain.
  void first_spoke();

  /// Behind the first there may be some that have not begun, and the worker has not been asked to leave them.
  [[nodiscard]] bool may_hold_prefetched() const {
    return slots_.size() > 1 && next_ != settled_ && !revoking_;
  }
  /// The worker has been asked to leave what it has not begun, and has not answered.
  [[nodiscard]] bool is_revoking() const { return revoking_; }
  /// Whether it is to be asked now: not while an answer is due.
  [[nodiscard]] bool begin_revoking() { return !std::exchange(revoking_, true); }
  /// It has answered, or never will. Whether it had been asked.
  bool end_revoking();
  /// Whether it was given the run before `first_unclaimed`, the first that it says it has not begun.
  [[nodiscard]] bool was_given(std::uint32_t first_unclaimed) const {
    return !comes_before(next_, first_unclaimed);
  }
  /// Whether the run `sequence` has begun, if it is the first or was: the worker says so by
  /// `first_unclaimed`, or the job has shown it. What is beyond all that the worker was given says nothing.
  [[nodiscard]] bool has_first_begun(std::uint32_t sequence, std::uint32_t first_unclaimed) const {
    return spoke_ || (comes_before(sequence, first_unclaimed) && was_given(first_unclaimed));
  }
  /// Whether the last is to be taken back, as it has not begun. One that has reported anything stays,
  /// whatever the worker says.
  [[nodiscard]] bool is_last_unclaimed(std::uint32_t first_unclaimed) const {
    return !slots_.empty() && !(spoke_ && slots_.size() == 1) &&
           !comes_before(slots_.back().sequence, first_unclaimed);
  }
  /// By its answer the worker has begun all that are left. All but the last have ended then, if that is true,
  /// and their reports are on the way: the next is due within start_timeout.
  void all_have_begun(Instant now);

  /// When overdue() is to be looked at; Instant::max() if nothing is expected of the worker, or an answer is
  /// due already. `start_timeout`: the pool's; the worker has as long for each thing that it ought to do.
  [[nodiscard]] Instant due_by(Nanos start_timeout) const;
  [[nodiscard]] Overdue overdue(Instant now, Nanos start_timeout) const;
  /// The worker was told of the first when that was on disk, some time ago or not yet: it has as long again
  /// from when that is seen.
  void wait_for_disk(std::uint64_t committed, Instant now);

 private:
  static constexpr Instant kNothing = Instant::max();

  void begun();

  std::deque<Slot> slots_;
  Nanos load_{0};
  std::uint32_t next_ = 0;
  std::uint32_t settled_ = 0;  ///< of those before this it is known which have begun; others were taken back
  Instant first_since_{};
  Instant owes_since_ = kNothing;  ///< since when it ought to begin the first, or to report of it
  Nanos unbegun_{0};  ///< for how long jobs have been first and were taken back, since it began one
  bool closed_ = false;
  bool spoke_ = false;
  bool revoking_ = false;
  bool claims_ahead_ = false;  ///< it says that it has begun several: what it owes is the report of the first
};

}  // namespace promised
