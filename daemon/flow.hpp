// SPDX-License-Identifier: Apache-2.0
// What flows through the house. Intake turns bytes into Events; decide turns an Event into Changes (for the
// store) and Effects (for act), and does nothing else; the store makes the changes durable; act carries out
// the effects. A worker's report is an event like any other: results leave by the same exit as calls come in.
#pragma once

#include <sys/types.h>

#include <promised/types.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/clock.hpp"
#include "common/messages.hpp"
#include "common/payload.hpp"
#include "common/result.hpp"
#include "daemon/nouns.hpp"

namespace promised {

struct PoolSettings;

namespace event {

/// A client said something. The first of a session is a Hello.
struct Requested {
  SessionId session;
  Identity who;
  message::Request request;
  Payload payload;  ///< of a Submit
};
enum class Departure : std::uint8_t {
  for_now,  ///< its connection is gone; the client may come back over another one
  for_good  ///< its process has ended, or it said Bye
};
/// A session is over.
struct SessionGone {
  SessionId session;
  Departure how = Departure::for_now;
};
/// The worker's process exists.
struct WorkerStarted {
  WorkerId worker;
  pid_t pid;
};
/// The worker has said what it can run.
struct WorkerReady {
  WorkerId worker;
  std::vector<FunctionView> functions;
};
/// The process could not be started at all: no such file, not executable, no such user.
struct WorkerStartFailed {
  WorkerId worker;
  std::string reason;
};
/// The worker ended an attempt. The payload is the result when failure.cause is none.
struct AttemptEnded {
  WorkerId worker;
  std::uint32_t sequence;
  Failure failure;  ///< with the worker's last output
  Nanos ran;        ///< as the worker says; not longer than it has lived
  Payload result;
  Printed printed{};
  JobId becomes{};  ///< not empty: it has no result, but is to come to what this job comes to
};
struct AttemptProgress {
  WorkerId worker;
  std::uint32_t sequence;
  double percent;
  std::string message;
};
/// The worker has emitted parts, which came together.
struct AttemptParts {
  WorkerId worker;
  std::uint32_t sequence;
  std::vector<std::uint32_t> sizes;
  std::string small;  ///< the bytes of all of them, unless
  Payload large;      ///< it is one, and these are its
};
struct AttemptNote {
  WorkerId worker;
  std::uint32_t sequence;
  std::uint32_t write;
  NoteView note;
};
struct AttemptReadsNotes {
  WorkerId worker;
  std::uint32_t sequence;
  std::uint64_t version;
};
/// A job waits until all of these have ended.
struct AttemptWaits {
  WorkerId worker;
  std::uint32_t sequence;
  std::vector<JobId> ids;
};
/// A job has spoilt the worker for others: it begins none any more, and ends when it is told to stop.
struct WorkerLeaves {
  WorkerId worker;
  std::string why;
};
/// Which of a worker's jobs had not begun when RevokeUnclaimed took them back: all from `first_unclaimed` on.
struct Revoked {
  WorkerId worker;
  std::uint32_t first_unclaimed;
};
/// The worker's process has ended; everything that it had reported came before this.
struct WorkerGone {
  WorkerId worker;
  std::uint32_t first_unclaimed;  ///< its jobs from here on had not begun
  int signal;                     ///< 0: it exited
  int exit_code;
  std::uint64_t peak_memory;   ///< bytes resident
  std::string output;          ///< the last of what it wrote
  std::string protocol_error;  ///< not empty: it was killed because of this nonsense on its channel
  Nanos user{0};               ///< CPU time since it was started
  Nanos system{0};
  bool out_of_memory = false;  ///< an allocation had failed, or it was killed for the memory that it took
  std::string backtrace{};     ///< of the thread that crashed, if it could tell
  Printed printed{};           ///< by the job that ran
};
/// The jobs that LoadBacklog asked for, in the order of their submission; fewer than it asked for: there are
/// no more.
struct BacklogLoaded {
  std::string queue;
  std::string function;
  std::string quotas;
  int priority;
  std::vector<RecoveredJob> jobs;
};
/// The job of the backlog that LoadJob asked for, if there is one.
struct JobLoaded {
  JobId id;
  std::optional<RecoveredJob> job;
};
/// What FindInBacklog has come to: all that there is, or `most`.
struct FoundInBacklog {
  BacklogSearch search;
};
/// A result that LoadResult asked for.
struct ResultLoaded {
  JobId job;
  bool found;           ///< false: there is no such job any more, or `trouble` says what is wrong
  std::string trouble;  ///< not empty: the result is lost
  Payload result;
};
/// What MaintainStore has come to. Always comes, and only once.
struct StoreMaintained {
  StoreReport report;              ///< if there is no problem
  std::optional<Problem> problem;  ///< codes: "store" (it cannot be done), "interrupted" (StopMaintenance)
};

/// The arguments of a job that has failed, which LoadArguments asked for; none: they are gone, or there are
/// none.
struct ArgumentsLoaded {
  JobId job;
  SessionId session;  ///< who wants it to run again,
  std::uint64_t number;
  Payload arguments;
};

/// What ReadOutput asked for.
struct AttemptOutput {
  WorkerId worker;
  std::uint32_t sequence;
  std::uint64_t first;  ///< the number of the first byte; those before it are not there any more
  std::string bytes;    ///< none: there are none so far
  std::uint64_t total;  ///< printed so far
};
/// What LoadOutput asked for; nothing if the job is gone.
struct OutputLoaded {
  JobId job;
  SessionId session;
  std::uint64_t follow;
  std::string bytes;
};

/// Parts that LoadParts asked for, in order; none if the job is gone.
struct PartsLoaded {
  JobId job;
  SessionId session;
  std::uint64_t follow;
  std::vector<PartChunk> parts;
};
/// The configuration was read anew, or could not be: then nothing has changed. The limits and the access that
/// it has are in force; the pools follow.
struct Reconfigured {
  std::vector<std::shared_ptr<const PoolSettings>> pools;  ///< all of them
  ReloadReport report;
  std::optional<Problem> problem;
  SessionId session{};       ///< who asked,
  std::uint64_t number = 0;  ///< with which request; 0: a signal
};
/// What MeasureWorker has found.
struct WorkerMeasured {
  WorkerId worker;
  std::uint64_t resident;  ///< bytes
};

}  // namespace event

using Event =
    std::variant<event::Requested, event::SessionGone, event::WorkerStarted, event::WorkerReady,
                 event::WorkerStartFailed, event::AttemptEnded, event::AttemptProgress, event::Revoked,
                 event::WorkerGone, event::ResultLoaded, event::BacklogLoaded, event::JobLoaded,
                 event::FoundInBacklog, event::StoreMaintained, event::AttemptParts, event::AttemptNote,
                 event::AttemptReadsNotes, event::PartsLoaded, event::AttemptWaits, event::WorkerLeaves,
                 event::WorkerMeasured, event::Reconfigured, event::AttemptOutput, event::OutputLoaded,
                 event::ArgumentsLoaded>;

/// What the store is to write. Applied in order; a batch is all or nothing.
namespace change {

struct InsertJob {
  JobId id;
  std::uint32_t owner;
  std::string function;
  Options options;  ///< the name in it is not meant: SetName says it
  Payload arguments;
  WallTime submitted;
  bool backlog = false;      ///< it waits on disk, until LoadBacklog asks for it
  bool known = false;        ///< of a job of the backlog: see KnowJob
  std::uint64_t client = 0;  ///< who submitted it; 0: nobody is there for its outcome
  std::uint64_t number = 0;  ///< of a job of the backlog: with which request
  std::string quotas{};      ///< of a job of the backlog: one text for all that it has (decide/quotas.hpp)
  std::string command{};     ///< the command on an outcome that it runs, if it is one
  WallTime due{};            ///< see RecoveredJob
};
/// A client has taken the outcome: it alone is to get it again, if it did not arrive.
struct TakeJob {
  JobId id;
  std::uint64_t client;
};
/// An attempt has begun (written for attempts that take a while, and before any of an at-most-once job).
struct StartJob {
  JobId id;
  std::uint32_t attempts;  ///< with this one
};
/// Back in its queue.
struct RequeueJob {
  JobId id;
  std::uint32_t attempts;
  std::uint32_t interruptions;
  std::uint32_t crashes = 0;
  Failure failure{};  ///< why the last attempt is tried again, if one is
  WallTime due{};     ///< when it is, if not at once
};
/// A job that has failed is to run again: it is as if it had not ended, and by when it was to begin or to end
/// does not count any more.
struct RetryJob {
  JobId id;
  WallTime due;  ///< see RecoveredJob
};
/// New limits for a job that has not ended.
struct AdjustJob {
  JobId id;
  std::chrono::milliseconds timeout;
  std::chrono::milliseconds run_timeout;
};
/// A job of the backlog has got a name or a timeout: the next start has to know it before its turn.
struct KnowJob {
  JobId id;
};
/// It is to be cancelled; its run has not stopped yet.
struct CancelJob {
  JobId id;
  std::string reason;
};
struct EndJob {
  JobId id;
  State state;
  Failure failure;
  std::string reason;
  Payload result;
  WallTime started;  ///< zero: never
  WallTime ended;
  std::uint32_t attempts;
  std::uint32_t crashes = 0;
};
/// Job, arguments and result are to be gone.
struct DeleteJob {
  JobId id;
  bool has_parts = false;
  bool has_link = false;
};
/// What a job has told of itself; with its end, the parts too.
struct TellJob {
  JobId id;
  message::Told told;
  std::vector<PartChunk> parts;
  Payload output{};  ///< the last of what it has printed, with its end too
};
/// `name` of `owner` now stands for `id`, whatever it stood for.
struct SetName {
  std::uint32_t owner;
  std::string name;
  JobId id;
  std::chrono::milliseconds lifespan;
};
/// The name stands for nothing any more: a tombstone says which way it went.
struct DropName {
  std::uint32_t owner;
  std::string name;
  State tombstone;  ///< lapsed or forgotten
  WallTime until;   ///< the tombstone's own end
};
/// The tombstone is to be gone.
struct DeleteName {
  std::uint32_t owner;
  std::string name;
};
/// How a job that was inserted hangs together with others is now this.
struct LinkJob {
  JobId id;
  Link link;
};
/// What the job follows has ended: it waits in its queue from now on, with these arguments.
struct ReadyJob {
  JobId id;
  Payload arguments;
  WallTime submitted;  ///< the moment that counts for its place in the queue,
  WallTime due{};      ///< but for this one (see RecoveredJob)
};
/// A tombstone of an id.
struct BuryId {
  JobId id;
  std::uint32_t owner;
  bool guard;  ///< it keeps the job from running twice
  WallTime until;
};
/// It is to be gone.
struct DeleteGrave {
  JobId id;
};
/// What is remembered of what was said of a queue, or of a quota, is this.
struct SteerQueue {
  SteeredQueue queue;
};
struct SteerQuota {
  SteeredQuota quota;
};

}  // namespace change

using Change =
    std::variant<change::InsertJob, change::StartJob, change::RequeueJob, change::AdjustJob, change::KnowJob,
                 change::CancelJob, change::EndJob, change::DeleteJob, change::SetName, change::DropName,
                 change::DeleteName, change::TellJob, change::TakeJob, change::BuryId, change::DeleteGrave,
                 change::RetryJob, change::SteerQueue, change::SteerQuota, change::LinkJob, change::ReadyJob>;

/// What act is to do.
namespace effect {

struct Send {
  SessionId session;
  message::Reply reply;
  Payload payload;
};
/// Forget the session: nothing is sent to it any more.
struct CloseSession {
  SessionId session;
};
struct StartWorker {
  WorkerId worker;
  /// Shared: the worker keeps what it was started with when its pool is configured anew.
  std::shared_ptr<const PoolSettings> pool;
};
/// Put a job into the worker's channel.
struct Dispatch {
  WorkerId worker;
  message::Run run;
  Payload arguments;
};
/// Take back every job in the worker's channel that has not begun; answered by event::Revoked at once.
struct RevokeUnclaimed {
  WorkerId worker;
  std::uint32_t sent;  ///< what is taken back is below this sequence number
};
/// Send `signal` to the worker's process group.
struct KillWorker {
  WorkerId worker;
  int signal;
};
/// Let the worker end what it has begun and exit.
struct StopWorker {
  WorkerId worker;
};
/// Tell the job that the worker runs that it is cancelled (common/worker_page.hpp).
struct MarkCancelled {
  WorkerId worker;
  std::uint32_t sequence;
};
/// Let a job that has waited for others go on.
struct SendResume {
  WorkerId worker;
  message::Resume resume;
};
/// Tell the worker of notes.
struct SendNotes {
  WorkerId worker;
  message::Notes notes;
};
/// Read parts of an ended job from the store, from number `from` on until there are `most` bytes; answered by
/// event::PartsLoaded. For the Follow request `follow` of `session`.
struct LoadParts {
  JobId job;
  SessionId session;
  std::uint64_t follow;
  std::uint64_t from;
  std::uint64_t most;
};
/// When ReadOutput is to be answered.
enum class Answer : std::uint8_t {
  at_once,  ///< also where there is nothing to tell
  with_more
};
/// Tell what the job that a worker runs has printed, from byte number `from` on, and not more than `most`
/// bytes of it; answered by event::AttemptOutput, unless the job's end is told first. Takes the place of the
/// one before, if that is not answered.
struct ReadOutput {
  WorkerId worker;
  std::uint32_t sequence;
  std::uint64_t from;
  std::uint64_t most;
  Answer answer;
};
/// Read what is kept of an ended job's output from the store, from byte number `from` of that on, and not
/// more than `most` bytes; answered by event::OutputLoaded. For the Follow request `follow` of `session`.
struct LoadOutput {
  JobId job;
  SessionId session;
  std::uint64_t follow;
  std::uint64_t from;
  std::uint64_t most;
};
/// Read a result from the store; answered by event::ResultLoaded.
struct LoadResult {
  JobId job;
};
/// Read jobs of the backlog that were submitted after that moment; answered by event::BacklogLoaded.
struct LoadBacklog {
  std::string queue;
  std::string function;
  std::string quotas;  ///< as InsertJob has them
  int priority;
  WallTime after;
  std::uint32_t most;
};
/// Search the backlog, in steps; answered by event::FoundInBacklog.
struct FindInBacklog {
  BacklogSearch search;
};
/// Read one job of the backlog; answered by event::JobLoaded.
struct LoadJob {
  JobId id;
};
/// Read the arguments of a job that has failed; answered by event::ArgumentsLoaded. For the Retry request
/// `number` of `session`.
struct LoadArguments {
  JobId job;
  SessionId session;
  std::uint64_t number;
};
/// Check, back up or compact the store beside its work; one at a time. Answered by event::StoreMaintained.
struct MaintainStore {
  StoreTask task;
  std::string path;  ///< backup: the directory to be; empty: one in the state directory
};
/// Give up what MaintainStore has begun; it is answered as ever.
struct StopMaintenance {};
/// Read the configuration anew; answered by event::Reconfigured.
struct ReadConfiguration {
  SessionId session;
  std::uint64_t number;
};
/// See how much memory the worker takes; answered by event::WorkerMeasured, if it is still there.
struct MeasureWorker {
  WorkerId worker;
};
/// Write a line to the log.
struct Log {
  enum class Level : std::uint8_t { info, warning };
  Level level;
  std::string text;
};

}  // namespace effect

using Effect =
    std::variant<effect::Send, effect::CloseSession, effect::StartWorker, effect::Dispatch,
                 effect::RevokeUnclaimed, effect::KillWorker, effect::StopWorker, effect::LoadResult,
                 effect::LoadBacklog, effect::LoadJob, effect::FindInBacklog, effect::MaintainStore,
                 effect::StopMaintenance, effect::SendNotes, effect::LoadParts, effect::MarkCancelled,
                 effect::SendResume, effect::MeasureWorker, effect::ReadConfiguration, effect::ReadOutput,
                 effect::LoadOutput, effect::LoadArguments, effect::Log>;

/// What decide makes of the events of one turn of the loop.
struct Plan {
  std::vector<Change> changes;
  std::vector<Effect> effects;       ///< may be carried out now
  std::vector<Effect> after_commit;  ///< only when the changes of this plan, and all before, are on disk

  void clear() {
    changes.clear();
    effects.clear();
    after_commit.clear();
  }
};

}  // namespace promised
