// SPDX-License-Identifier: Apache-2.0
// Where jobs wait. A lane is the part of a queue that calls one function and has the same quotas, so that a
// job whose function nobody offers, or of which a quota is full, never stands in the way of the others. Each
// pool keeps a line of the queues that it serves, with the lanes of each, best job first (seats.hpp): higher
// priority, then earlier submission (SEMANTICS Q1). Every operation is logarithmic in the number of queues
// and of lanes.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/clock.hpp"
#include "daemon/decide/job.hpp"
#include "daemon/decide/quotas.hpp"
#include "daemon/decide/seats.hpp"
#include "daemon/decide/timer.hpp"

namespace promised {

/// How a queue is served.
struct QueuePolicy {
  std::uint32_t weight = 1;  ///< 1 to 1000: its part of the workers, against other queues
  Millis ageing{0};          ///< waiting for so long is worth one of priority; 0: nothing is
  std::uint32_t jobs = 0;    ///< that may begin
  Millis per{0};             ///< in this time; 0: any number
  std::uint32_t burst = 0;   ///< as many begin at once after a rest; 0: as `jobs`

  [[nodiscard]] bool has_rate() const { return jobs != 0 && per > Millis(0); }
  friend bool operator==(const QueuePolicy&, const QueuePolicy&) = default;
};

/// Jobs in the order of their places (Job::place_in_queue), linked through the jobs themselves.
struct JobList {
  Job* first = nullptr;
  Job* last = nullptr;

  [[nodiscard]] bool empty() const { return first == nullptr; }
  void insert(Job& job);
  /// As the last, wherever its place is.
  void append(Job& job);
  void remove(Job& job);
};

/// A timer: its rate lets the next job begin then.
struct Queue : Timer {
  Queue() : Timer(Kind::queue) {}

  /// Whether its jobs may begin, as far as that is the queue's own.
  [[nodiscard]] bool open() const { return !paused && !spent && !closed; }
  /// It is there also while it has no jobs.
  [[nodiscard]] bool kept() const { return paused || policy != QueuePolicy() || place != kNotInHeap; }

  std::string name;
  QueuePolicy policy;
  bool paused = false;
  bool spent = false;   ///< no further job may begin before `opens`
  bool closed = false;  ///< while its policy changes
  Instant opens{};
  Instant full_at{};         ///< when, at its rate, as many may begin at once as at any time
  std::uint64_t length = 0;  ///< jobs that wait
  std::uint64_t jobs = 0;    ///< with those that run or have ended and are kept
  std::vector<Lane*> lanes;
  JobList aside;                                  ///< its jobs in the schedule, in no order
  std::vector<std::unique_ptr<QueueSeat>> seats;  ///< one for each pool that serves a lane of it
};

/// How many of the latest jobs that began were a lane's: of those since the last change of spans, and in the
/// span before.
struct Flow {
  std::uint64_t span = 0;
  std::uint64_t now = 0;
  std::uint64_t before = 0;
};

struct Lane {
  /// The jobs of one priority: first those that may be dispatched, then those on disk, then those that are in
  /// memory (because of their durability, or a tie) and were submitted after some on disk.
  struct Band {
    int priority;
    JobList ready;
    JobList behind;
    std::uint64_t ready_count = 0;
    std::uint64_t behind_count = 0;
    std::uint64_t on_disk = 0;  ///< the backlog
    WallTime fetched_until{};   ///< what was submitted up to here is not on disk alone
    bool fetching = false;

    [[nodiscard]] bool empty() const { return ready.empty() && behind.empty() && on_disk == 0; }
    [[nodiscard]] std::uint64_t in_memory() const { return ready_count + behind_count; }
  };
  /// Where a job stands among those of its queue: the smaller goes first. With ageing a job of priority p is
  /// as one of priority 0 that was submitted p times that earlier: the order of two never changes.
  struct Turn {
    std::int64_t rank;
    WallTime submitted;
    bool on_disk = false;  ///< it was submitted then or later
    friend auto operator<=>(const Turn&, const Turn&) = default;
  };
  [[nodiscard]] Turn turn(const Band& band) const {
    const bool on_disk = band.ready.first == nullptr;
    const WallTime submitted =
        on_disk ? band.fetched_until + std::chrono::microseconds(1) : band.ready.first->place_in_queue();
    const std::int64_t ageing = std::chrono::microseconds(queue->policy.ageing).count();
    const std::int64_t rank =
        ageing == 0 ? -band.priority : submitted.time_since_epoch().count() - band.priority * ageing;
    return {rank, submitted, on_disk};
  }
  /// The band whose turn it is. There must be one.
  [[nodiscard]] const Band& first() const;
  /// The job whose turn it is; null if there is none, or if it has still to come from disk.
  [[nodiscard]] Job* best() const { return bands.empty() ? nullptr : first().ready.first; }
  /// Of its next job, wherever it is. There must be one.
  [[nodiscard]] Turn turn() const { return turn(first()); }
  /// quota_text() of those of its jobs.
  [[nodiscard]] std::string quotas() const { return caps == nullptr ? std::string() : caps->text; }

  Queue* queue = nullptr;
  Function* function = nullptr;
  CapSet* caps = nullptr;  ///< of each of its jobs; null: they have none
  std::uint64_t jobs = 0;  ///< waiting, running or kept
  Flow flow;
  std::size_t place_in_queue = 0;  ///< in queue->lanes
  std::size_t place_in_function = 0;
  bool idle = false;                             ///< among the idle lanes
  bool hungry = false;                           ///< among those that take_hungry() looks at
  std::vector<Band> bands;                       ///< higher priorities first; none is empty
  std::vector<std::unique_ptr<LaneSeat>> seats;  ///< one for each pool that serves it
};

inline const Lane::Band& Lane::first() const {
  if (bands.size() == 1 || queue->policy.ageing == Millis(0)) return bands.front();
  return *std::min_element(bands.begin(), bands.end(),
                           [this](const Band& a, const Band& b) { return turn(a) < turn(b); });
}

class Lanes {
 public:
  /// `most_in_memory`: jobs that wait, beside a few of each band. A quarter of it is for lanes whose jobs
  /// begin, in proportion to how many do: what stands does not send through the disk what flows.
  explicit Lanes(std::uint64_t most_in_memory)
      : most_in_memory_(most_in_memory),
        most_standing_(most_in_memory - most_in_memory / 4),
        span_(std::max<std::uint64_t>(1, most_in_memory / 8)) {}

  using Queues = std::unordered_map<std::string_view, std::unique_ptr<Queue>>;

  /// The lane of this queue and function, for jobs of these quotas (quota_text()); null if there is none.
  [[nodiscard]] Lane* find(std::string_view queue, const Function& function, std::string_view quotas) const;
  /// A new lane, with its queue if need be; there must be none.
  Lane& make(std::string_view queue, Function& function, const std::string& quotas);
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

  /// How the queue is served from now on, also while it has no jobs.
  void configure(std::string_view queue, const QueuePolicy& policy);
  /// None of its jobs begins until resume().
  void pause(std::string_view queue);
  void resume(std::string_view queue);
  /// The moment has come that its rate was waiting for. The queue may be gone afterwards.
  void refill(Queue& queue);

  /// The named quota has this size from now on; where it is smaller than what runs, that goes on.
  void configure_quota(const std::string& name, std::uint64_t size);
  /// It binds nobody any more. False: there was none.
  bool remove_quota(const std::string& name);
  [[nodiscard]] const Quotas& quotas() const { return quotas_; }

  /// From now on the lane stands in `line` while a job waits in it, on disk or in memory: what was submitted
  /// later to its queue does not overtake one that has still to come from disk.
  void serve(Lane& lane, Line& line);
  void unserve(Lane& lane, Line& line);

  /// The lane whose best() is the next to begin; null: none can begin now.
  [[nodiscard]] LaneSeat* next(Line& line);
  /// The same, as if the line were of the lanes alone whose functions `which` chooses.
  using Which = std::function<bool(const Function&)>;
  [[nodiscard]] LaneSeat* next_of(Line& line, const Which& which);
  /// The best job of next()'s lane leaves it for a worker of that pool, takes its quotas, and counts for the
  /// rate of its queue: if that is spent now, refill() has to be called when it opens.
  Job& take(LaneSeat& seat, Instant now);
  /// The job has come back from that pool without having begun: it is as if it had not been taken.
  void take_back(Job& job, Line& line);
  /// The job does not run any more, or not now: its quotas are free, if it has them.
  void give_back(Job& job);
  /// It is to go on, and new jobs leave it the room for that.
  void claim(const Job& job);
  void drop_claim(const Job& job);
  /// Whether all of them are free; then it has them again.
  [[nodiscard]] bool take_claimed(Job& job);

  /// Puts a job in order of submission: a new one goes last, one that comes back goes where it was.
  void push(Job& job);
  void remove(Job& job);
  /// The job waits for its moment, in none of its lane's lists; and does so no more.
  static void set_aside(Job& job) { job.lane->queue->aside.append(job); }
  static void leave_aside(Job& job) { job.lane->queue->aside.remove(job); }

  /// Jobs that wait, as far as they are in memory.
  [[nodiscard]] std::uint64_t in_memory() const { return in_memory_; }
  /// Whether a new job of this lane and priority is beyond what may be in memory, or comes after too many
  /// that are on disk.
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
    std::uint32_t most;  ///< that should come
  };
  [[nodiscard]] std::vector<Hungry> take_hungry();

 private:
  struct Key {
    const Queue* queue;
    const Function* function;
    const CapSet* caps;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const {
      constexpr std::size_t kFactor = 0x9e3779b97f4a7c15U;
      const std::hash<const void*> hash;
      return (hash(key.queue) * kFactor ^ hash(key.function)) * kFactor ^ hash(key.caps);
    }
  };
  Queue& queue(std::string_view name);
  void drop_unused(const Queue& queue);
  static void refresh(Lane& lane);
  [[nodiscard]] static LaneSeat* first_of(const Line& line, const Which& which);
  [[nodiscard]] static Lane::Band& band(Lane& lane, int priority);
  [[nodiscard]] static const Lane::Band* find_band(const Lane& lane, int priority);
  static void drop_empty(Lane& lane, int priority);
  void settle(Lane& lane, Lane::Band& band);
  void look_at(Lane& lane, const Lane::Band& band);
  [[nodiscard]] bool is_hungry(const Lane& lane, const Lane::Band& band) const;
  void count_in(std::uint64_t in_band);
  void count_out(std::uint64_t in_band);
  void count_flow(Flow& flow);
  /// How many jobs of a band may be in memory, however many there are of others.
  [[nodiscard]] std::uint64_t share(const Lane& lane) const;

  // seats
  [[nodiscard]] static bool is_open(const QueueSeat& seat) { return !seat.from_disk && seat.queue->open(); }
  static void join(LaneSeat& seat);
  static void withdraw(LaneSeat& seat);
  static void stand_in_line(QueueSeat& seat);
  static void wake(QueueSeat& seat);
  static void count_in_again(ParkedQueue& parked);
  static void look_again(ParkedQueue& parked);
  [[nodiscard]] static bool can_go_on(const ParkedQueue& parked);
  static void step_out(QueueSeat& seat);
  static void take_baton(LaneSeat& seat);
  static void drop_baton(LaneSeat& seat);
  static void open(Queue& queue);
  static void close(Queue& queue);
  static void park(LaneSeat& seat, Cap& cap);
  static void unpark(LaneSeat& seat);
  static void hand_on(Cap& cap, Line& line);
  static void hand_on(const Lane& lane, Line& line);
  static void hand_on(const Quota& quota);
  [[nodiscard]] static LaneSeat* sooner_parked(const LaneSeat& seat);

  // rates
  static void spend(Queue& queue, Instant now);
  static void unspend(Queue& queue);

  Queues queues_;
  Quotas quotas_;
  std::unordered_map<Key, std::unique_ptr<Lane>, Hash> lanes_;
  std::deque<Lane*> idle_;     ///< those without jobs, and some that have jobs again
  std::vector<Lane*> hungry_;  ///< lanes of which a band may be short of jobs
  std::uint64_t most_in_memory_;
  std::uint64_t most_standing_;
  std::uint64_t span_;       ///< jobs that begin between two changes of spans
  std::uint64_t taken_ = 0;  ///< jobs that have begun
  std::uint64_t busy_queues_ = 0;
  std::uint64_t in_memory_ = 0;
  std::uint64_t beyond_ =
      0;  ///< of those in memory, that are more than the few which each band may have there
};

inline bool LaneSeatLess::operator()(const LaneSeat& a, const LaneSeat& b) const {
  return a.lane->turn() < b.lane->turn();
}

}  // namespace promised
