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

/// Jobs in the order of their places (Job::place_in_queue), linked through the jobs themselves.
struct JobList {
  Job* first = nullptr;
  Job* last = nullptr;

  [[nodiscard]] bool empty() const { return first == nullptr; }
  void insert(Job& job);
  void remove(Job& job);
};

struct Lane {
  /// The jobs of one priority: first those that may be dispatched, then those on disk, then those that are in
  /// memory (because of their durability, or a tie) and were submitted after some on disk.
  struct Band {
    int priority;
    JobList ready;
    JobList behind;
    std::uint64_t ready_count = 0;
    std::uint64_t on_disk = 0;  ///< the backlog
    WallTime fetched_until{};   ///< what was submitted up to here is not on disk alone
    bool fetching = false;

    [[nodiscard]] bool empty() const { return ready.empty() && behind.empty() && on_disk == 0; }
  };
  struct Server {
    LaneHeap* heap;
    std::unique_ptr<LaneSeat> seat;
  };

  /// The job whose turn it is; null if there is none, or if it has still to come from disk.
  [[nodiscard]] Job* best() const { return bands.empty() ? nullptr : bands.front().ready.first; }
  /// Where its next job stands among those of other lanes, wherever it is. There must be one.
  struct Turn {
    int priority;
    WallTime submitted;
  };
  [[nodiscard]] Turn turn() const {
    const Band& first = bands.front();
    if (first.ready.first != nullptr) return {first.priority, first.ready.first->place_in_queue()};
    return {first.priority, first.fetched_until + std::chrono::microseconds(1)};
  }

  Queue* queue = nullptr;
  Function* function = nullptr;
  std::uint64_t jobs = 0;          ///< waiting, running or kept
  std::size_t place_in_queue = 0;  ///< in queue->lanes
  std::size_t place_in_function = 0;
  bool idle = false;        ///< among the idle lanes
  bool hungry = false;      ///< among those that take_hungry() looks at
  std::vector<Band> bands;  ///< higher priorities first; none is empty
  std::vector<Server> servers;
};

class Lanes {
 public:
  /// `most_in_memory`: jobs that may be dispatched; of a band with few a few more.
  explicit Lanes(std::uint64_t most_in_memory) : most_in_memory_(most_in_memory) {}

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

  /// From now on `heap` holds the lane while a job waits in it, on disk or in memory: what was submitted
  /// later does not overtake one that has still to come from disk.
  void serve(Lane& lane, LaneHeap& heap);
  void unserve(Lane& lane, LaneHeap& heap);

  /// Puts a job in order of submission: a new one goes last, one that comes back goes where it was.
  void push(Job& job);
  void remove(Job& job);

  /// Jobs that may be dispatched, as far as they are in memory.
  [[nodiscard]] std::uint64_t in_memory() const { return in_memory_; }
  /// Whether jobs of this lane and priority are on disk, so that a new one has to wait behind them.
  [[nodiscard]] static bool backed_up(const Lane& lane, int priority);
  /// Whether a new job of this lane and priority is beyond what may be in memory.
  [[nodiscard]] bool full(const Lane& lane, int priority) const;
  /// `count` jobs are in the backlog that were submitted from `first` on, after all others of their band.
  void add_backlog(Lane& lane, int priority, WallTime first, std::uint64_t count = 1);
  /// The job, which has entered its lane, is still on disk in its place.
  void pin(Job& job);
  /// The job, which has entered its lane, has come from disk: push() is next.
  void fetched(Job& job);
  /// All that was submitted up to `until` has come from disk.
  void advance(Lane& lane, int priority, WallTime until);
  /// The bands that should be filled from disk, and are not being filled; they are marked as being filled.
  struct Hungry {
    Lane* lane;
    int priority;
    WallTime after;
  };
  [[nodiscard]] std::vector<Hungry> take_hungry();

 private:
  using Key = std::pair<const Queue*, const Function*>;
  struct Hash {
    std::size_t operator()(const Key& key) const {
      const std::hash<const void*> hash;
      return hash(key.first) * 0x9e3779b97f4a7c15U ^ hash(key.second);
    }
  };
  static void refresh(Lane& lane);
  [[nodiscard]] static Lane::Band& band(Lane& lane, int priority);
  [[nodiscard]] static const Lane::Band* find_band(const Lane& lane, int priority);
  static void drop_empty(Lane& lane, int priority);
  void settle(Lane& lane, Lane::Band& band);
  void look_at(Lane& lane, const Lane::Band& band);
  [[nodiscard]] bool is_hungry(const Lane::Band& band) const;

  Queues queues_;
  std::unordered_map<Key, std::unique_ptr<Lane>, Hash> lanes_;
  std::deque<Lane*> idle_;     ///< those without jobs, and some that have jobs again
  std::vector<Lane*> hungry_;  ///< lanes of which a band may be short of jobs
  std::uint64_t most_in_memory_;
  std::uint64_t busy_queues_ = 0;
  std::uint64_t in_memory_ = 0;
};

inline bool LaneSeatLess::operator()(const LaneSeat& a, const LaneSeat& b) const {
  const Lane::Turn x = a.lane->turn();
  const Lane::Turn y = b.lane->turn();
  if (x.priority != y.priority) return x.priority > y.priority;
  return x.submitted < y.submitted;
}

}  // namespace promised
