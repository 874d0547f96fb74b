// SPDX-License-Identifier: Apache-2.0
// One job as decide sees it. What only some jobs have lies in JobDetail, so that a million plain ones stay
// small.
#pragma once

#include <promised/types.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/keyed_hash.hpp"
#include "common/payload.hpp"
#include "daemon/decide/links.hpp"
#include "daemon/decide/stream.hpp"
#include "daemon/decide/timer.hpp"
#include "daemon/flow.hpp"

namespace promised {

struct Function;
struct Lane;
struct NameEntry;
struct Tie;
struct Worker;

/// A session that wants to be told how the job has ended.
struct Watcher {
  SessionId session;
  std::uint64_t number;  ///< of its request
  bool take = false;     ///< forget the name with the answer, which nobody else gets who takes
  bool own = false;      ///< the submitter: what has no name is gone when it has arrived
};

/// A remembered durable result, or what was streamed of it, is not kept in memory above so many bytes: who
/// asks for it gets it from the store.
inline constexpr std::size_t kKeepInMemory = 1024;

/// How long a job may take for what. Zero: as long as it takes, or its pool's limit.
struct JobLimits {
  Millis timeout{0};
  Millis run_timeout{0};
  Millis progress_timeout{0};
  Millis deadline{0};
  Instant deadline_at{};  ///< if there is one
  Millis begin_by{0};
  Instant begin_by_at{};    ///< if there is one, of a job that is in its queue
  Millis abandon_grace{0};  ///< how long its submitter may be gone, if it is tied to that
};

/// What is told of a job beside how it stands.
struct JobStory {
  Failure failure;                 ///< of a job that has not ended: why its last attempt is tried again
  std::string reason;              ///< who cancelled it
  std::optional<double> progress;  ///< percent, as the running attempt last said
  std::string progress_message;
};

/// Who wants to know how it ends.
struct Audience {
  std::vector<Watcher> watchers;
  std::vector<Watcher> loading;     ///< wait for the result to come from the store
  std::vector<WorkerId> waited_by;  ///< whose jobs wait for its end
  std::uint32_t held_back = 0;      ///< times that it waits for a client that does not read
};

struct RetryPolicy {
  std::uint32_t retries = 0;
  std::optional<Backoff> backoff;
};

/// Of a job that does not begin at once, or is tried again; see schedule.hpp.
struct Timing {
  std::int64_t due =
      0;  ///< while it is in the schedule: nanoseconds (monotonic) or microseconds (wall clock)
  std::uint32_t place = kNotInHeap;
  bool wall = false;               ///< in which heap it stands
  bool follows_wall_clock = true;  ///< begin_after; false: a delay
  WallTime begin_after{};          ///< it may not begin before; zero: at once
  /// While it is in the schedule: what it waits for. Later its place in its queue, as if it had been
  /// submitted then; zero: its submission's.
  WallTime moment{};
  std::unique_ptr<RetryPolicy> policy;
};

/// What few jobs have, or few of these have much of: it is small itself, for jobs wait in millions.
struct JobDetail {
  std::unique_ptr<JobLimits> limits;
  std::unique_ptr<JobStory> story;
  std::unique_ptr<Audience> audience;
  std::unique_ptr<Timing> timing;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Hash128> unique;  ///< see unique.hpp
  Millis lifespan{0};
  Tie* tie = nullptr;  ///< it is cancelled when its submitter has gone
  Retry retry_on = Retry::nothing;
  std::uint8_t given_back = 0;                 ///< by the end of its worker, in a row: it had not begun
  std::uint16_t crashes = 0;                   ///< of its workers
  std::uint16_t pardoned = 0;                  ///< of these: before somebody told it to run again
  bool cancel_now = false;                     ///< without the grace
  std::unique_ptr<const std::string> command;  ///< of a job that is a command on an outcome: which
  bool has_command = false;  ///< one follows its outcome, which is not told before both are on disk
  std::unique_ptr<Kin> kin;  ///< of one that hangs together with others
};

struct Job : Timer {
  explicit Job(const JobId& job_id) : Timer(Kind::job), id(job_id) {}

  [[nodiscard]] bool ended() const { return is_ended(state); }
  [[nodiscard]] bool durable() const { return durability == Durability::durable; }
  JobDetail& more() {
    if (!detail) detail = std::make_unique<JobDetail>();
    return *detail;
  }
  /// Null: it has none.
  [[nodiscard]] Stream* stream() const { return detail ? detail->stream.get() : nullptr; }
  Stream& streams() { return made(more().stream); }
  /// Null: it hangs together with no other job.
  [[nodiscard]] Kin* kin() const { return detail ? detail->kin.get() : nullptr; }
  [[nodiscard]] Audience* audience() const { return detail ? detail->audience.get() : nullptr; }
  Audience& listeners() { return made(more().audience); }
  [[nodiscard]] Timing* timing() const { return detail ? detail->timing.get() : nullptr; }
  Timing& timings() { return made(more().timing); }
  /// Empty: nothing was said.
  [[nodiscard]] const JobLimits& limits() const;
  JobLimits& own_limits() { return made(more().limits); }
  [[nodiscard]] const JobStory& story() const;
  JobStory& tell() { return made(more().story); }

  /// An attempt has begun: what has to begin by a moment has done so.
  [[nodiscard]] bool has_begun() const { return attempts > 0 || interruptions > 0; }
  /// It stands in its queue as if it had been submitted then.
  [[nodiscard]] WallTime place_in_queue() const {
    const Timing* t = timing();
    return t != nullptr && t->moment != WallTime() ? t->moment : submitted;
  }

  JobId id;
  Payload arguments;
  Payload result;  ///< empty too when it is only in the store
  std::unique_ptr<JobDetail> detail;
  NameEntry* name = nullptr;
  Function* function = nullptr;
  Lane* lane = nullptr;      ///< where it waits, or waited
  Job* previous = nullptr;   ///< in its lane, or among those that its queue has aside
  Job* next = nullptr;       ///< likewise
  Worker* worker = nullptr;  ///< whose channel holds it
  SessionId submitter{};
  std::uint64_t submitter_tag = 0;  ///< of the client that submitted it, over its reconnects and restarts of
                                    ///< the daemon; 0: nobody's
  std::uint64_t number = 0;         ///< of the Submit request
  std::uint64_t batch = 0;  ///< of the store, with its insert, its end and its name; 0: an earlier daemon's
  WallTime submitted{};     ///< no two jobs have the same: it is the order of submission
  WallTime started{};       ///< of the latest attempt
  WallTime ended_at{};
  Instant queued{};
  Instant began{};
  std::uint32_t owner = 0;
  std::uint32_t arguments_size = 0;
  std::uint64_t result_size = 0;
  std::uint16_t attempts = 0;
  std::uint16_t interruptions = 0;
  State state = State::pending;
  std::int8_t priority = 0;
  Durability durability = Durability::durable;
  bool at_most_once = false;
  bool queued_in_lane = false;
  bool behind = false;         ///< in its lane, but behind jobs of the backlog
  bool on_disk = false;        ///< of the backlog, and known before its turn; its arguments are on disk
  bool from_backlog = false;   ///< its row is one of the backlog, and not of those that the next start knows
  bool written = false;        ///< the store has been told of it
  bool start_written = false;  ///< a StartJob for this attempt
  bool result_in_store = false;  ///< not in memory
  bool delivered = false;        ///< waits for its submitter's acknowledgement
  bool cancel_asked = false;     ///< whatever its run comes to: it ends as cancelled
  bool expire_asked = false;
  bool withdraw_asked = false;  ///< cancelled if it has not begun
  bool was_named = false;
  bool has_quotas = false;  ///< those of its lane, while it runs

 private:
  template <class Part>
  static Part& made(std::unique_ptr<Part>& part) {
    if (!part) part = std::make_unique<Part>();
    return *part;
  }
};

inline const JobLimits& Job::limits() const {
  static constexpr JobLimits kNone;
  return detail && detail->limits ? *detail->limits : kNone;
}

inline const JobStory& Job::story() const {
  static const JobStory kNone;
  return detail && detail->story ? *detail->story : kNone;
}

}  // namespace promised
