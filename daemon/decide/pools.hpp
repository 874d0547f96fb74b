// SPDX-License-Identifier: Apache-2.0
// Pools and workers as decide sees them: who offers which function, who has which jobs in the channel, and
// what is to be looked at when.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/decide/lanes.hpp"
#include "daemon/decide/worker_channel.hpp"
#include "daemon/settings.hpp"

namespace promised {

struct Pool;

/// A pool that had no process for a job has recovered when that was so long ago.
inline constexpr Nanos kQuiet = std::chrono::seconds(5);

/// A name that somebody offers, or that a waiting job calls.
struct Function {
  std::string name;
  std::vector<Pool*> offered_by;
  std::vector<Lane*> lanes;
  std::uint32_t offers = 0;  ///< that name it: without one, and without a lane, it is forgotten
  /// Average run, recent ones weighing more; nothing known: no prefetch.
  std::optional<Nanos> usual_run;
};

/// How texts name a job.
[[nodiscard]] inline std::string described(const Job& job) {
  return "job " + job.id.text() + " (" + job.function->name + ")";
}

/// What a worker can run, and may be asked to. It counts in Function::offers until let_go().
struct Offer {
  std::vector<FunctionView> registered;                      ///< by its program, as it said
  std::vector<std::string> globs;                            ///< PoolSettings::functions, by which
  std::vector<FunctionView> functions;                       ///< are offered,
  std::unordered_map<const Function*, std::uint32_t> index;  ///< and where they stand in `registered`

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
  Worker(WorkerId worker_id, Pool& of);

  /// It has been given all the jobs that it may run in its life.
  [[nodiscard]] bool spent() const {
    return settings->recycle_jobs != 0 && ran + channel.size() >= settings->recycle_jobs;
  }

  /// Whether it may be given a job of this function, at once or behind another. It is ready.
  [[nodiscard]] bool takes(const Function& function) const {
    return phase == Phase::ready && kill_reason == KillReason::none && !channel.is_revoking() &&
           wait == Wait::none && offer->has(function) && !spent();
  }

  WorkerId id;
  Pool* pool;
  /// What it was started with. Shared: it may outlive what its pool has.
  std::shared_ptr<const PoolSettings> settings;
  /// Shared: all workers of one version of the program have the same, and some may outlive its replacement.
  std::shared_ptr<const Offer> offer;
  pid_t pid = 0;
  Phase phase = Phase::starting;
  WorkerChannel channel;
  Instant started{};
  Instant ready_since{};  ///< when it said what it can run
  Instant idle_since{};
  Instant measured{};
  std::uint64_t ran = 0;  ///< jobs
  bool worn = false;      ///< too old or too large: it serves until another is ready in its place
  KillReason kill_reason = KillReason::none;
  bool killed_hard = false;         ///< SIGKILL was sent
  std::uint32_t kill_sequence = 0;  ///< whose run kill_reason is about, if it ends one
  std::string fault;                ///< what it has done wrong, if it is killed for that
  Instant heard{};                  ///< the last sign of life of its job, or when it had none any more
  Instant cancel_told{};  ///< since when its job has been told that it is cancelled; zero: it is not
  Wait wait = Wait::none;
  std::vector<JobId> waits;  ///< what its job waits for, and has not ended
  Instant waits_since{};
  message::Resume resume;  ///< to be said when it goes on
  /// What its job has submitted, and has the outcomes of: they are kept until it has ended, for it may come
  /// to one of them (SEMANTICS C7). The last kMostChildrenKept.
  std::deque<JobId> children;
};

struct Pool : Timer {
  enum class Phase : std::uint8_t {
    starting,
    ready,
    failing,  ///< workers do not start; those of an earlier configuration may serve meanwhile
    removed   ///< it is not configured any more: its workers end what they run, and it is gone with the last
  };

  explicit Pool(std::shared_ptr<const PoolSettings> s)
      : Timer(Kind::pool), settings(std::move(s)), target(std::max(settings->size, 1U)) {}

  /// The one rule of how many workers there are to be: one that waits has another in its place;
  [[nodiscard]] std::size_t wanted() const { return target + waiting; }
  /// and the one of how many jobs run at once, also while there are more workers.
  [[nodiscard]] std::size_t slots() const { return settings->most(); }
  /// Whether the worker is as the configuration has it now.
  [[nodiscard]] bool is_current(const Worker& worker) const { return worker.settings == settings; }
  /// Whether the worker counts for wanted(): it is not on its way out.
  [[nodiscard]] bool keeps(const Worker& worker) const {
    return worker.phase != Worker::Phase::stopping && !worker.worn && !worker.spent() && is_current(worker);
  }

  /// It is being replaced, and what its workers can run is not the same for all of them.
  [[nodiscard]] bool has_two_programs() const {
    return std::any_of(workers.begin(), workers.end(), [this](const Worker* w) {
      return w->phase == Worker::Phase::ready && w->offer != offer;
    });
  }

  /// Whether it has all the workers that it is to have.
  [[nodiscard]] bool is_complete() const {
    const auto serves = [this](const Worker* w) { return w->phase == Worker::Phase::ready && keeps(*w); };
    return static_cast<std::size_t>(std::count_if(workers.begin(), workers.end(), serves)) >= wanted();
  }
  /// Workers are ready, and there may be no process for a job.
  [[nodiscard]] bool lacks_process(Instant now) const {
    return lacked_process && now - *lacked_process < kQuiet;
  }
  /// Some of them serve, and others do not start.
  [[nodiscard]] bool is_short() const { return phase == Phase::ready && failure_told && !is_complete(); }

  /// Shared with the workers that are started with it.
  std::shared_ptr<const PoolSettings> settings;
  /// Workers by load, from settings->size to settings->most(); one more than none until it is known what they
  /// offer.
  std::uint32_t target;
  /// Other processes are to take the places of those that are there: one is to show first whether they work.
  bool unproven = false;
  Phase phase = Phase::starting;
  std::string reason;                  ///< why its workers do not start
  std::uint32_t failures = 0;          ///< starts in a row that came to nothing
  std::shared_ptr<const Offer> offer;  ///< of its newest worker; null: none has been ready yet
  std::vector<Worker*> workers;
  Line ready;
  std::uint64_t crashes = 0;
  std::uint64_t finished = 0;
  std::uint64_t faults = 0;   ///< workers that have broken their protocol
  std::uint64_t spoilt = 0;   ///< workers that a job has left in a state for no other
  bool failure_told = false;  ///< the log has it that the pool is failing, and not yet that it has recovered
  std::optional<Instant> lacked_process;  ///< when a worker was ready, and had no process for a job
  bool dirty = false;                     ///< a job or a worker has become free since the last fill
  std::uint32_t waiting = 0;              ///< workers whose job waits for others
  std::deque<Worker*> resuming;           ///< those of them that go on next, before new jobs begin
};

inline Worker::Worker(WorkerId worker_id, Pool& of)
    : Timer(Kind::worker), id(worker_id), pool(&of), settings(of.settings) {}

/// A job that usually takes longer is not put into a channel behind another, and one that has run for this
/// long gives back those behind it.
inline constexpr Nanos kPrefetchWindow = std::chrono::milliseconds(2);
inline constexpr Nanos kStall = std::chrono::milliseconds(10);
/// What takes longer counts as this where runs are added up and multiplied.
inline constexpr Nanos kLongestEstimate = std::chrono::hours(24);
inline constexpr std::size_t kMostPrefetched = 256;
inline constexpr std::size_t kMostChildrenKept = 1024;
/// A job whose worker goes so often in a row before it has said that it began the job is taken for the cause.
inline constexpr std::uint8_t kMostGivenBack = 3;
/// A worker that took the place of a waiting one is kept for so long after that, in case it is needed again.
inline constexpr Nanos kKeepSurplus = std::chrono::seconds(10);

}  // namespace promised
