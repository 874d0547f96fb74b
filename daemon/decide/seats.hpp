// SPDX-License-Identifier: Apache-2.0
// Whose turn it is in a pool. The pool has a line of queues, each with the lanes of it that have a job which
// may begin, best first. The line goes by weight (SEMANTICS Q6): a queue's pass grows by 1/weight with each
// of its jobs, and the smallest is served next; one that comes back does not get what it has not used. A lane
// of which a quota is full does not stand in the line but is parked at that quota, so that it is not looked
// at again with each job; seats.cpp says when it comes back.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "daemon/decide/indexed_heap.hpp"

namespace promised {

struct Cap;
struct Lane;
struct ParkedQueue;
struct Queue;
struct QueueSeat;

struct SeatPlace {
  template <class Seat>
  std::uint32_t& operator()(Seat& s) const {
    return s.place;
  }
};

/// A lane's place among the lanes of its queue, in one pool.
struct LaneSeat {
  Lane* lane;
  QueueSeat* queue;
  ParkedQueue* parked = nullptr;  ///< it waits there for a quota, and not among `queue->lanes`
  std::uint32_t place = kNotInHeap;
  std::uint32_t baton = kNotInHeap;  ///< its place among `queue->batons`
};
struct LaneSeatLess {
  bool operator()(const LaneSeat& a, const LaneSeat& b) const;
};
using LaneHeap = IndexedHeap<LaneSeat, LaneSeatLess, SeatPlace>;

/// By how much a job moves a queue of weight 1 on. 2^46 jobs fit: that is two years at a million a second.
inline constexpr std::uint64_t kPassUnit = std::uint64_t{1} << 18;

/// Of two queues that have been served equally the one goes first that came first.
struct PassLess {
  template <class Seat>
  bool operator()(const Seat& a, const Seat& b) const {
    return a.pass != b.pass ? a.pass < b.pass : a.came < b.came;
  }
};

struct Line;

/// A queue's place in the line of one pool. It is in it while `lanes` is not empty and it is open.
struct QueueSeat {
  Queue* queue;
  Line* line;
  std::uint64_t pass = 0;
  std::uint64_t came = 0;
  std::uint32_t place = kNotInHeap;
  std::uint32_t served = 0;  ///< lanes of the queue that the pool serves
  bool from_disk = false;    ///< its next job has still to come from disk, and nothing overtakes that
  LaneHeap lanes{};
  std::vector<LaneSeat*>
      batons{};  ///< of `lanes`: it has come back for the room in a quota that others wait for too
  std::vector<ParkedQueue*> passed_over{};  ///< when there was room: it was not open
};
using QueueHeap = IndexedHeap<QueueSeat, PassLess, SeatPlace>;

struct Line {
  QueueHeap queues;
  std::uint64_t pass = 0;  ///< of the queue that was served last
  std::uint64_t arrivals = 0;
  bool changed = false;  ///< a lane has come back to it: the pool is to be looked at
};

/// The lanes of one queue that are parked at a cap, in one pool.
struct ParkedQueue {
  QueueSeat* queue;
  Cap* cap;
  std::uint64_t pass = 0;  ///< of the queue, when one of them was parked last
  std::uint64_t came = 0;
  std::uint32_t place = kNotInHeap;
  bool passed_over = false;  ///< it is among those of its queue, and not among `queues` of its cap
  LaneHeap lanes{};          ///< never empty
};

/// All that are parked at a cap in one pool.
struct ParkedSeats {
  Line* line;
  IndexedHeap<ParkedQueue, PassLess, SeatPlace> queues{};
  std::unordered_map<const QueueSeat*, std::unique_ptr<ParkedQueue>> all{};  ///< never empty
};

}  // namespace promised
