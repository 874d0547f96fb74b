// SPDX-License-Identifier: Apache-2.0
// Where jobs wait. A lane is the part of a queue that calls one function, so that a job whose function nobody
// offers never stands in the way of the others. Each pool keeps a heap of the lanes that it serves, best job
// first: higher priority, then earlier submission (SEMANTICS Q1). Every operation is logarithmic in the
// number of lanes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/decide/indexed_heap.hpp"
#include "daemon/decide/job.hpp"

namespace promised {

struct Queue {
  std::string name;
  std::uint64_t length = 0;  ///< jobs that wait
  std::uint64_t jobs = 0;    ///< with those that run or have ended and are kept
  std::vector<Lane*> lanes;
};

/// A lane's place among the lanes of one pool.
struct LaneSeat {
  Lane* lane;
  std::uint32_t place = kNotInHeap;
};
struct LaneSeatLess {
  bool operator()(const LaneSeat& a, const LaneSeat& b) const;
};
struct LaneSeatPlace {
  std::uint32_t& operator()(LaneSeat& s) const { return s.place; }
};
using LaneHeap = IndexedHeap<LaneSeat, LaneSeatLess, LaneSeatPlace>;

struct Lane {
  /// The jobs of one priority, in submission order.
  struct Band {
    int priority;
    Job* first;
    Job* last;
  };
  struct Server {
    LaneHeap* heap;
    std::unique_ptr<LaneSeat> seat;
  };

  [[nodiscard]] Job* best() const { return bands.empty() ? nullptr : bands.front().first; }

  Queue* queue = nullptr;
  Function* function = nullptr;
  std::uint64_t jobs = 0;          ///< waiting, running or kept
  std::size_t place_in_queue = 0;  ///< in queue->lanes
  std::size_t place_in_function = 0;
  bool idle = false;        ///< among the idle lanes
  std::vector<Band> bands;  ///< higher priorities first; none is empty
  std::vector<Server> servers;
};

class Lanes {
 public:
  using Queues = std::unordered_map<std::string_view, std::unique_ptr<Queue>>;

  /// The lane of this queue and function; null if there is none.
  [[nodiscard]] Lane* find(std::string_view queue, const Function& function) const;
  /// A new lane, with its queue if need be; there must be none.
  Lane& make(std::string_view queue, Function& function);
  [[nodiscard]] Queue* find_queue(std::string_view name) const;
  [[nodiscard]] const Queues& queues() const { return queues_; }
  /// Queues that have jobs.
  [[nodiscard]] std::uint64_t busy_queues() const { return busy_queues_; }

  /// The job belongs to this lane from now on, wherever it is.
  void enter(Job& job, Lane& lane);
  /// The job is to be gone.
  void leave(Job& job);
  /// The lane that has had no job for longest, if more of those are kept than are worth it; it has to be
  /// erased then. Null otherwise.
  [[nodiscard]] Lane* stale();
  void erase(Lane& lane);

  /// From now on `heap` holds the lane while a job waits in it.
  void serve(Lane& lane, LaneHeap& heap);
  void unserve(Lane& lane, LaneHeap& heap);

  /// Puts a job in order of submission: a new one goes last, one that comes back goes where it was.
  void push(Job& job);
  void remove(Job& job);

 private:
  using Key = std::pair<const Queue*, const Function*>;
  struct Hash {
    std::size_t operator()(const Key& key) const {
      const std::hash<const void*> hash;
      return hash(key.first) * 0x9e3779b97f4a7c15U ^ hash(key.second);
    }
  };
  static void refresh(Lane& lane);

  Queues queues_;
  std::unordered_map<Key, std::unique_ptr<Lane>, Hash> lanes_;
  std::deque<Lane*> idle_;  ///< those without jobs, and some that have jobs again
  std::uint64_t busy_queues_ = 0;
};

inline bool LaneSeatLess::operator()(const LaneSeat& a, const LaneSeat& b) const {
  const Job& x = *a.lane->best();
  const Job& y = *b.lane->best();
  if (x.priority != y.priority) return x.priority > y.priority;
  return x.sequence < y.sequence;
}

}  // namespace promised
