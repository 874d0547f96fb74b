// SPDX-License-Identifier: Apache-2.0
// Pools and workers as decide sees them: who offers which function, who has which jobs in the channel, and
// what is to be looked at when.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/decide/lanes.hpp"
#include "daemon/settings.hpp"

namespace promised {

struct Pool;

/// A name that somebody offers, or that a waiting job calls.
struct Function {
  std::string name;
  std::vector<Pool*> offered_by;
  std::vector<Lane*> lanes;
  bool offered = false;  ///< now or before: it stays
  /// Average run, recent ones weighing more; nothing known: no prefetch.
  std::optional<Nanos> usual_run;
};

/// What a worker said that it can run.
struct Offer {
  std::vector<FunctionView> functions;
  std::unordered_map<const Function*, std::uint32_t> index;  ///< in functions

  [[nodiscard]] bool has(const Function& function) const { return index.contains(&function); }
};

/// Why the daemon itself ends a worker; the job in its hands gets this as its outcome.
enum class KillReason : std::uint8_t {
  none,
  run_timeout,
  cancelled,
  start_timeout,
  no_function,
  protocol,
  stop,
  progress_timeout,
  deadline
};

struct Worker : Timer {
  enum class Phase : std::uint8_t { starting, ready, stopping };
  /// Whether its job waits for others: then it takes none of the pool's slots.
  enum class Wait : std::uint8_t {
    none,
    waiting,
    resuming  ///< it need not wait any longer, and goes on when there is a slot
  };
  struct Slot {
    Job* job;
    std::uint32_t sequence;
    Nanos estimate;  ///< of its run
  };

  explicit Worker(WorkerId worker_id, Pool& of) : Timer(Kind::worker), id(worker_id), pool(&of) {}

  WorkerId id;
  Pool* pool;
  /// Shared: all workers of one version of the program have the same, and some may outlive its replacement.
  std::shared_ptr<const Offer> offer;
  pid_t pid = 0;
  Phase phase = Phase::starting;
  std::deque<Slot> channel;  ///< the first runs
  std::uint32_t sent = 0;    ///< the next sequence number
  Nanos load{0};             ///< what the channel holds will usually take
  Instant head_since{};      ///< since when the first has been the first
  Instant started{};
  std::uint64_t ran = 0;  ///< jobs
  KillReason kill_reason = KillReason::none;
  bool killed_hard = false;         ///< SIGKILL was sent
  bool revoking = false;            ///< an answer to RevokeUnclaimed is due
  bool exclusive = false;           ///< holds an at-most-once job, and gets nothing more
  std::uint32_t kill_sequence = 0;  ///< whose run kill_reason is about, if it ends one
  Instant heard{};                  ///< the last sign of life of its job, or when it had none any more
  Instant cancel_told{};  ///< since when its job has been told that it is cancelled; zero: it is not
  Wait wait = Wait::none;
  std::vector<JobId> waits;  ///< what its job waits for, and has not ended
  Instant waits_since{};
  message::Resume resume;  ///< to be said when it goes on
};

struct Pool : Timer {
  enum class Phase : std::uint8_t { starting, ready, failing };

  Pool(const PoolSettings& s, PoolIndex i) : Timer(Kind::pool), settings(&s), index(i) {}

  const PoolSettings* settings;
  PoolIndex index;
  Phase phase = Phase::starting;
  std::string reason;                  ///< failing: why
  std::uint32_t failures = 0;          ///< starts in a row that came to nothing
  std::shared_ptr<const Offer> offer;  ///< of its newest worker; null: none has been ready yet
  std::vector<Worker*> workers;
  LaneHeap ready;
  std::uint64_t crashes = 0;
  std::uint64_t finished = 0;
  bool dirty = false;            ///< a job or a worker has become free since the last fill
  std::uint32_t waiting = 0;     ///< workers whose job waits for others
  std::deque<Worker*> resuming;  ///< those of them that go on next, before new jobs begin

  /// So many jobs run at once.
  [[nodiscard]] std::size_t slots() const { return settings->size; }
  /// Workers that there should be: one that waits has another in its place.
  [[nodiscard]] std::size_t wanted() const { return slots() + waiting; }
};

/// A job that usually takes longer is not put into a channel behind another, and one that has run for this
/// long gives back those behind it.
inline constexpr Nanos kPrefetchWindow = std::chrono::milliseconds(2);
inline constexpr Nanos kStall = std::chrono::milliseconds(10);
inline constexpr std::size_t kMostPrefetched = 256;
/// A worker that took the place of a waiting one is kept for so long after that, in case it is needed again.
inline constexpr Nanos kKeepSurplus = std::chrono::seconds(10);

}  // namespace promised
