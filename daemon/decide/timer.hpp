// SPDX-License-Identifier: Apache-2.0
// A moment at which something is to be looked at again. Jobs, workers, pools, ties and queues are timers;
// each waits for one moment at a time. Waits and deadlines stand in a heap of monotonic moments, lifespans in
// one of wall-clock moments, so that a jump of the wall clock moves only the latter (SEMANTICS T4).
#pragma once

#include <cstdint>

#include "daemon/decide/indexed_heap.hpp"

namespace promised {

struct Timer {
  enum class Kind : std::uint8_t { job, worker, pool, tie, queue };

  explicit Timer(Kind k) : kind(k) {}

  std::int64_t due = 0;  ///< nanoseconds (monotonic) or microseconds (wall clock)
  std::uint32_t place = kNotInHeap;
  Kind kind;
  bool wall = false;  ///< in which heap it stands
};

struct TimerLess {
  bool operator()(const Timer& a, const Timer& b) const { return a.due < b.due; }
};
struct TimerPlace {
  std::uint32_t& operator()(Timer& t) const { return t.place; }
};
using TimerHeap = IndexedHeap<Timer, TimerLess, TimerPlace>;

}  // namespace promised
