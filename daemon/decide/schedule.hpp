// SPDX-License-Identifier: Apache-2.0
// The jobs that wait for a moment, in no queue: for the one from which on they may begin (SEMANTICS T2), or
// for their next attempt (A6). Moments of the wall clock follow its jumps, delays and pauses do not (T4), so
// they stand in two heaps. Every operation is logarithmic in the number of these jobs.
#pragma once

#include <cstddef>
#include <optional>

#include "common/clock.hpp"
#include "daemon/decide/indexed_heap.hpp"
#include "daemon/decide/job.hpp"

namespace promised {

class Schedule {
 public:
  /// The job, which must not be here, waits until then. `moment` is what is told of it.
  void add(Job& job, Instant due, WallTime moment);
  /// The same until the wall clock shows that moment.
  void add(Job& job, WallTime moment);
  /// Nothing happens if it is not here.
  void remove(Job& job);
  [[nodiscard]] static bool contains(const Job& job) {
    return job.timing() != nullptr && job.timing()->place != kNotInHeap;
  }

  /// A job whose moment has come, which is not here any more; null: there is none. Of the same moment, those
  /// that were submitted first.
  [[nodiscard]] Job* take_due(Now now);
  /// How long until take_due() finds one, negative if it does so already; nothing: for ever.
  [[nodiscard]] std::optional<Nanos> next_due(Now now) const;
  [[nodiscard]] std::size_t size() const { return delayed_.size() + dated_.size(); }

 private:
  struct Sooner {
    bool operator()(const Job& a, const Job& b) const {
      const std::int64_t x = a.detail->timing->due, y = b.detail->timing->due;
      return x != y ? x < y : a.submitted < b.submitted;
    }
  };
  struct Place {
    std::uint32_t& operator()(Job& job) const { return job.detail->timing->place; }
  };
  using Heap = IndexedHeap<Job, Sooner, Place>;

  static Job* take_due(Heap& heap, std::int64_t until);

  Heap delayed_;  ///< by moments of the monotonic clock
  Heap dated_;    ///< by moments of the wall clock
};

}  // namespace promised
