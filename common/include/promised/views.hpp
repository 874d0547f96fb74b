// SPDX-License-Identifier: Apache-2.0
// What the daemon tells of its jobs and of itself, for people and programs that watch it (SEMANTICS M1 to
// M3). Snapshots: plain values that change nothing and go stale.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <promised/types.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace promised {

/// A moment of the wall clock; zero (1970) means "not yet".
using WallClock = std::chrono::sys_time<std::chrono::microseconds>;

/// A note of a job (SEMANTICS P2); value_of() in <promised/client.hpp> tells its value.
struct NoteView {
  std::string key;
  std::string encoded;
  friend bool operator==(const NoteView&, const NoteView&) = default;
};

/// A job that hangs on another: a callback, a member, or what gets the list of the members' outcomes.
struct RelatedView {
  JobId id;
  State state = State::unknown;  ///< unknown: it is gone
  std::string function;
  Follows follows = Follows::nothing;
  friend bool operator==(const RelatedView&, const RelatedView&) = default;
};

/// One job as its owner or an administrator sees it.
struct JobView {
  JobId id;
  State state = State::unknown;
  std::string function;
  std::string name;  ///< empty: not remembered
  std::string queue;
  std::string pool;         ///< that runs or ran it; empty: none yet
  std::string reason;       ///< why it is not running yet; who cancelled it
  Failure failure;          ///< state failed: its cause
  std::uint32_t owner = 0;  ///< uid
  int priority = 0;
  Durability durability = Durability::durable;
  std::uint32_t attempts = 0;
  std::uint32_t interruptions = 0;
  std::int32_t worker_pid = 0;  ///< while it runs
  bool remembered = false;
  bool at_most_once = false;
  std::uint64_t arguments_size = 0;  ///< bytes
  std::uint64_t result_size = 0;     ///< bytes
  std::chrono::milliseconds lifespan{0};
  std::chrono::milliseconds timeout{0};
  std::chrono::milliseconds run_timeout{0};
  std::optional<double> progress;  ///< percent, as it last said; NaN: it does not know
  std::string progress_message;
  std::vector<NoteView> notes;    ///< told by show() alone
  std::uint64_t parts = 0;        ///< that it has streamed
  std::uint64_t parts_size = 0;   ///< bytes
  std::uint64_t output_size = 0;  ///< bytes that are kept of what it has printed; 0 while it runs
  WallClock submitted, started, ended, kept_until;
  std::uint32_t crashes = 0;  ///< of its workers, as far as they are tried again
  std::chrono::milliseconds progress_timeout{0};
  std::chrono::milliseconds deadline{0};
  Retry retry_on = Retry::nothing;
  std::vector<JobId> waits_for;  ///< state waiting: the jobs that it waits for; told by show() alone
  Failure last_failure;          ///< of a job that has not ended: why its last attempt is tried again
  std::vector<QuotaUse> quotas;  ///< that it keeps to
  JobId parent;                  ///< what it hangs on; empty: nothing
  Follows follows = Follows::nothing;
  Composite composite = Composite::none;
  MemberFailure on_member_failure = MemberFailure::go_on;
  std::vector<RelatedView>
      related;  ///< what hangs on it: members in order, then callbacks; told by show() alone

  WallClock begin_after;                  ///< it may not begin before; zero: it may at once
  std::chrono::milliseconds begin_by{0};  ///< the latest start, from then on or from its submission; 0: any
  std::uint32_t retries = 0;              ///< how often a failed attempt is tried again
  WallClock due;  ///< of one that waits for its moment, or for its next attempt: when; zero: it does not
  bool unique = false;
  friend bool operator==(const JobView&, const JobView&) = default;
};

struct FunctionView {
  std::string name;
  std::string signature;  ///< such as "(text, int32) -> text"
  friend bool operator==(const FunctionView&, const FunctionView&) = default;
};

struct PoolView {
  std::string name;
  std::string program;
  std::string state;          ///< "starting", "ready" or "failing"
  std::string reason;         ///< failing: why
  std::uint32_t size = 0;     ///< workers wanted
  std::uint32_t workers = 0;  ///< workers that serve
  std::uint32_t busy = 0;
  std::uint64_t crashes = 0;              ///< since start
  std::uint64_t finished = 0;             ///< jobs, since start
  std::chrono::milliseconds retry_in{0};  ///< failing: until the next try
  std::vector<FunctionView> functions;
  std::string containment;  ///< what holds its workers and their limits (docs/pools.md)
  Isolation isolation = Isolation::worker;
  std::uint32_t size_min = 0;  ///< workers wanted when there is nothing to do,
  std::uint32_t size_max = 0;  ///< and when jobs wait
  std::uint32_t draining = 0;  ///< workers that end what they run, and leave
  std::uint32_t waiting = 0;   ///< workers whose job waits for others; none of them is busy
  friend bool operator==(const PoolView&, const PoolView&) = default;
};

/// How many jobs of a queue may begin in a time (SEMANTICS Q2).
struct Rate {
  std::uint32_t jobs = 0;            ///< that begin in this time; 0: any number
  std::chrono::milliseconds per{0};  ///< such as 1s
  std::uint32_t burst = 0;           ///< as many begin at once after a rest; 0: as `jobs`
  [[nodiscard]] bool limits() const { return jobs != 0; }
  friend bool operator==(const Rate&, const Rate&) = default;
};

struct QueueView {
  std::string name;
  std::uint64_t length = 0;
  std::chrono::milliseconds oldest{0};  ///< how long the oldest has waited
  std::uint64_t running = 0;            ///< jobs of it that have begun and not ended
  bool paused = false;                  ///< none of its jobs begins
  bool draining = false;                ///< it takes no more jobs
  std::uint32_t weight = 1;             ///< its part of the workers, against other queues
  Rate rate{};
  std::chrono::milliseconds next_in{0};  ///< rate: until the next may begin; 0: one may now
  std::chrono::milliseconds ageing{0};   ///< waiting for so long is worth one of priority; 0: nothing is
  std::uint64_t max_length = 0;          ///< jobs that may wait; 0: any number
  bool holds = false;                    ///< takes calls to functions that no pool offers
  friend bool operator==(const QueueView&, const QueueView&) = default;
};

/// Durations of the last minute's jobs.
struct PercentilesView {
  std::chrono::microseconds p50{0}, p95{0};
  std::uint64_t count = 0;
  friend bool operator==(const PercentilesView&, const PercentilesView&) = default;
};

struct LimitView {
  std::string name;  ///< as in the configuration
  std::uint64_t used = 0, most = 0;
  friend bool operator==(const LimitView&, const LimitView&) = default;
};

struct QuotaView {
  std::string name;
  std::uint64_t size = 0;     ///< jobs that may run at once
  std::uint64_t running = 0;  ///< and do; more than `size` while it has been made smaller
  friend bool operator==(const QuotaView&, const QuotaView&) = default;
};

struct StatusView {
  std::string version;
  std::string health;                 ///< "ok" or "degraded"
  std::vector<std::string> problems;  ///< why it is degraded
  std::string endpoint, state_dir;
  std::int32_t pid = 0;
  std::chrono::milliseconds uptime{0};
  std::vector<std::uint64_t> jobs_by_state;  ///< index: State
  std::vector<PoolView> pools;
  std::vector<QueueView> queues;  ///< for administrators alone: the longest first, at most 100
  PercentilesView waited, ran;
  std::uint64_t accepted = 0, finished = 0;  ///< since start
  double finished_per_second = 0;            ///< over the last minute
  std::uint64_t remembered = 0;
  std::uint64_t store_bytes = 0;
  WallClock last_commit;
  WallClock full_since;       ///< since when the disk is full; zero: it is not
  WallClock store_failed_at;  ///< when the store of the daemon before this one failed; zero: it did not
  std::string store_failure;  ///< and why
  std::uint32_t clients = 0;
  std::uint64_t garbage = 0;        ///< messages that were no requests
  std::uint64_t refused = 0;        ///< requests
  std::uint64_t stale_reports = 0;  ///< of attempts that were over already
  std::vector<LimitView> limits;
  std::string maintenance;  ///< what is being done to the store: "check", "backup", "compact"; empty: nothing
  std::uint32_t maintenance_percent = 0;
  std::vector<QuotaView> quotas;  ///< for administrators alone: by name
  friend bool operator==(const StatusView&, const StatusView&) = default;
};

/// What an administrator says of a queue while the daemon runs (SEMANTICS Q2). It is kept over restarts,
/// until the configuration says something else of the same. What is not set stays as it is.
struct QueueChange {
  std::optional<bool> paused{};               ///< no more of its jobs begin
  std::optional<bool> draining{};             ///< it takes no more jobs; those that it has run
  std::optional<std::uint32_t> weight{};      ///< 1 to 1000
  std::optional<Rate> rate{};                 ///< one that limits nothing: as fast as there are workers
  std::optional<std::uint64_t> max_length{};  ///< 0: any number of jobs may wait
  [[nodiscard]] bool empty() const { return *this == QueueChange(); }
  friend bool operator==(const QueueChange&, const QueueChange&) = default;
};

/// One of the reasons why a job is not running (SEMANTICS M3).
struct WaitReason {
  std::string code;       ///< a word for programs; docs/scheduling.md has them all
  std::string text;       ///< a sentence for people
  std::string subject{};  ///< the name of the queue, quota, pool or function that it is about; empty: of none
  WallClock until{};      ///< when it will be over by itself, if that is known; else zero
  std::vector<JobId> jobs{};  ///< because of which; the first 10
  std::uint64_t count = 0;    ///< how many such jobs there are
  friend bool operator==(const WaitReason&, const WaitReason&) = default;
};

/// Why a job stands where it stands, as the scheduler knows it.
struct Explanation {
  JobId id;
  State state = State::unknown;
  std::vector<WaitReason> reasons;  ///< all that hold at once, the broadest first; none: nothing keeps it
  friend bool operator==(const Explanation&, const Explanation&) = default;
};

/// What came of reading the configuration anew (SEMANTICS E6).
struct ReloadReport {
  // Names of pools.
  std::vector<std::string> added;
  std::vector<std::string> removed;   ///< their workers end what they run
  std::vector<std::string> replaced;  ///< new workers take the places of those that are there
  std::vector<std::string> adjusted;  ///< those that are there go on
  // Keys, such as "limits.max_jobs".
  std::vector<std::string> changed;        ///< that are in force now
  std::vector<std::string> needs_restart;  ///< that are in force when the daemon is started the next time
  [[nodiscard]] bool empty() const { return *this == ReloadReport(); }
  friend bool operator==(const ReloadReport&, const ReloadReport&) = default;
};

/// What an administrator can have done to the store while the daemon goes on. The numbers are on the wire.
enum class StoreTask : std::uint8_t { check = 0, backup = 1, compact = 2 };

[[nodiscard]] constexpr std::string_view to_string(StoreTask task) {
  switch (task) {
    case StoreTask::check:
      return "check";
    case StoreTask::backup:
      return "backup";
    case StoreTask::compact:
      return "compact";
  }
  return "unknown";
}

/// What came of it.
struct StoreReport {
  StoreTask task = StoreTask::check;
  /// backup: the directory that was made. Where damage was found it is the wanted one with ".damaged" behind.
  std::string path;
  // Of the copy that was looked at; compact looks at none.
  std::uint64_t jobs = 0;
  std::uint64_t names = 0;         ///< that stand for a job
  std::uint64_t tombstones = 0;    ///< names that stand for none any more
  std::uint64_t results = 0;       ///< of jobs that have succeeded
  std::uint64_t result_files = 0;  ///< those of the results that are files
  std::uint64_t bytes = 0;         ///< with the files; compact: of the database and its log, afterwards
  std::uint64_t bytes_before = 0;  ///< compact: the same before
  std::chrono::milliseconds took{0};
  std::uint64_t damages = 0;        ///< 0: it is sound
  std::vector<std::string> damage;  ///< a sentence for a person each; the first 20
  friend bool operator==(const StoreReport&, const StoreReport&) = default;
};

/// What happens to jobs, as who subscribes to it is told (SEMANTICS C9). The numbers are on the wire, and as
/// bits in filters.
enum class EventKind : std::uint8_t {
  lost = 0,  ///< nothing that happened: something that happened here is not told, see JobEvent::lost
  accepted = 1,
  started = 2,  ///< an attempt
  progress = 3,
  retried = 4,      ///< after a failure, by itself or because somebody said so, it waits for the next attempt
  interrupted = 5,  ///< an attempt was cut off by no fault of its own, and the job waits to run again
  succeeded = 6,
  failed = 7,
  cancelled = 8,
  expired = 9
};

[[nodiscard]] constexpr std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::lost:
      return "lost";
    case EventKind::accepted:
      return "accepted";
    case EventKind::started:
      return "started";
    case EventKind::progress:
      return "progress";
    case EventKind::retried:
      return "retried";
    case EventKind::interrupted:
      return "interrupted";
    case EventKind::succeeded:
      return "succeeded";
    case EventKind::failed:
      return "failed";
    case EventKind::cancelled:
      return "cancelled";
    case EventKind::expired:
      return "expired";
  }
  return "unknown";
}

/// The kind of event that a job's end is: of one of the four states in which jobs end.
[[nodiscard]] constexpr EventKind outcome_event(State ended) {
  switch (ended) {
    case State::succeeded:
      return EventKind::succeeded;
    case State::cancelled:
      return EventKind::cancelled;
    case State::expired:
      return EventKind::expired;
    default:
      return EventKind::failed;
  }
}

/// Something that has happened to a job.
struct JobEvent {
  EventKind kind = EventKind::lost;
  WallClock at;  ///< by the daemon's clock
  JobId id;
  std::string function;
  std::string queue;
  std::string name;  ///< under which it was remembered then; empty: none
  std::uint32_t owner = 0;
  std::uint32_t attempt = 0;       ///< how many have begun by then
  std::optional<double> progress;  ///< kind progress: percent; NaN: it does not know
  std::string progress_message;    ///< kind progress
  Failure failure;                 ///< failed, retried: why; without output and backtrace, which show() has
  std::string reason;              ///< cancelled: who did it, and why
  std::uint64_t lost = 0;  ///< kind lost: how many events are missing here; 0: the connection to the daemon
                           ///< broke, and nobody knows
  friend bool operator==(const JobEvent&, const JobEvent&) = default;
};

}  // namespace promised
