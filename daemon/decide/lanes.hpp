// SPDX-License-Identifier: Apache-2.0
// Where jobs wait. A lane is the part of a queue that calls one function, so that a job whose function nobody
// offers never stands in the way of the others. Each pool keeps a heap of the lanes that it serves, best job
// first: higher priority, then earlier submission (SEMANTICS Q1). Every operation is logarithmic in the
// number of lanes.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daemon/decide/indexed_heap.hpp"
#include "daemon/decide/job.hpp"

namespace promised {

struct Queue {
  std::string name;
  std::uint64_t length = 0;
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
  std::vector<Band> bands;  ///< higher priorities first; none is empty
  std::vector<Server> servers;
};

class Lanes {
 public:
  /// The lane of this queue and function, made if need be.
  Lane& lane(std::string_view queue, Function& function);
  [[nodiscard]] Queue* find_queue(std::string_view name) const;
  [[nodiscard]] const std::deque<Queue>& queues() const { return queues_; }

  /// From now on `heap` holds the lane while a job waits in it.
  void serve(Lane& lane, LaneHeap& heap);
  void unserve(Lane& lane, LaneHeap& heap);

  /// Puts a job in order of submission: a new one goes last, one that comes back goes where it was.
  void push(Job& job);
  void remove(Job& job);

 private:
  static void refresh(Lane& lane);

  std::deque<Queue> queues_;
  std::deque<Lane> lanes_;
  std::unordered_map<std::string_view, Queue*> by_name_;
};

inline bool LaneSeatLess::operator()(const LaneSeat& a, const LaneSeat& b) const {
  const Job& x = *a.lane->best();
  const Job& y = *b.lane->best();
  if (x.priority != y.priority) return x.priority > y.priority;
  return x.sequence < y.sequence;
}

}  // namespace promised
