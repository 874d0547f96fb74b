// SPDX-License-Identifier: Apache-2.0
// The nouns of what flows through the house (flow.hpp): the numbers by which the stages know each other's
// things, and what the store remembers, as it hands it over.
#pragma once

#include <sys/types.h>

#include <promised/types.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/messages.hpp"
#include "common/payload.hpp"

namespace promised {

/// A client's connection, numbered by the door; never used again.
enum class SessionId : std::uint64_t {};
/// A worker process, numbered by decide; never used again.
enum class WorkerId : std::uint32_t {};

/// Who is asking, as the kernel reports it.
struct Identity {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  pid_t pid = 0;
  pid_t session =
      0;  ///< that the process was in when it came; of a worker's processes it is the worker's pid
  friend bool operator==(const Identity&, const Identity&) = default;
};

/// Parts of a result that came together: encoded values, one behind the other.
struct PartChunk {
  std::uint64_t first = 0;  ///< the number of the first of them
  std::vector<std::uint32_t> sizes;
  Payload bytes;
};

/// What an attempt wrote to stdout and stderr, in the order in which it came.
struct Printed {
  Payload last;             ///< the end of it, at most max_output bytes
  std::uint64_t total = 0;  ///< bytes
};

/// What the store remembers of a job, as replay hands it to decide.
struct RecoveredJob {
  JobId id;
  std::uint32_t owner = 0;
  std::string function;
  Options options;
  Payload arguments;  ///< of jobs that have not ended
  WallTime submitted;
  bool started = false;  ///< an attempt was under way
  std::uint32_t attempts = 0;
  std::uint32_t interruptions = 0;
  State state = State::pending;  ///< pending, or how it ended
  Failure failure;               ///< of a job that has not ended: why its last attempt is tried again
  std::string reason;            ///< of a job that has not ended: it was to be cancelled
  std::uint64_t arguments_size = 0;
  std::uint64_t result_size = 0;  ///< the result itself stays in the store
  WallTime began;                 ///< of the last attempt of a job that has ended
  WallTime ended;
  std::uint64_t client = 0;  ///< see change::InsertJob; of one that has ended, change::TakeJob
  std::uint64_t number = 0;
  message::Told told;  ///< the parts and the output themselves stay in the store
  std::uint32_t crashes = 0;
  WallTime due{};         ///< when it enters its queue, or did: its place there; zero: when it was submitted
  std::string command{};  ///< see change::InsertJob
};

/// How a job hangs together with others (SEMANTICS C), as it is kept.
struct Link {
  /// How far it is.
  enum class Phase : std::uint8_t {
    waiting = 0,     ///< what it follows has not ended; a composite: its turn has not come
    ready = 1,       ///< it runs like any other job; a composite: its members do
    passed_over = 2  ///< what it follows has ended in another way
  };
  JobId parent{};  ///< what it follows or is a member of; empty: nothing
  Follows follows = Follows::nothing;
  std::uint32_t place = 0;  ///< among the members of its parent
  Composite composite = Composite::none;
  MemberFailure on_member_failure = MemberFailure::go_on;
  Phase phase = Phase::waiting;
  JobId becomes{};  ///< not empty: what this job comes to is what the job gets (SEMANTICS C7)
  friend bool operator==(const Link&, const Link&) = default;
};
struct RecoveredLink {
  JobId id;
  Link link;
};

/// A search among the jobs of the backlog, the highest ids first.
struct BacklogSearch {
  SessionId session;
  message::Request request;            ///< what is to be answered with what is found
  std::optional<std::uint32_t> owner;  ///< nothing: anybody
  JobId from;                          ///< ids from here on
  JobId below;                         ///< and below this; empty: all
  std::string function;                ///< a glob; empty: all
  std::string queue;                   ///< empty: all
  std::uint32_t most = 0;
  std::vector<RecoveredJob> found;  ///< so far, without arguments
};

/// Jobs of the backlog that stand in the same place, as replay counts them.
struct RecoveredBacklog {
  std::string queue;
  std::string function;
  std::string quotas;  ///< as change::InsertJob has them
  int priority = 0;
  std::uint32_t owner = 0;
  std::uint64_t count = 0;
  WallTime first;  ///< when the first of them was submitted
};
struct RecoveredName {
  std::uint32_t owner = 0;
  std::string name;
  State state = State::pending;  ///< lapsed or forgotten: a tombstone; anything else: held by `id`
  JobId id;
  std::chrono::milliseconds lifespan{0};
  WallTime until;  ///< a tombstone's end
};
struct RecoveredGrave {
  JobId id;
  std::uint32_t owner = 0;
  bool guard = false;
  WallTime until;
};
/// What was said of a queue at run time, over what its configuration had then of the same. Nothing said:
/// there is nothing to remember.
struct SteeredQueue {
  std::string name;
  QueueChange said;
  QueueChange configured;
};
/// The same of a quota.
struct SteeredQuota {
  std::string name;
  std::optional<std::uint64_t> size;  ///< nothing: it is removed
  std::optional<std::uint64_t>
      configured;  ///< nothing: there was none. The same: nothing is to be remembered
};
/// What the store tells of itself for `status`.
struct StoreFacts {
  std::uint64_t bytes = 0;
  WallTime last_commit;
  std::uint64_t committed = 0;  ///< the batch up to which all is on disk
  std::uint64_t unwritten = 0;  ///< bytes that were handed over and are not on disk yet
  WallTime full_since;          ///< since when the disk has no room for them; zero: it has
};
/// That a store could not go on, as the daemon that had it leaves it to the next one.
struct StoreFailure {
  WallTime at;
  std::string reason;
  friend bool operator==(const StoreFailure&, const StoreFailure&) = default;
};

}  // namespace promised
