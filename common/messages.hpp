// SPDX-License-Identifier: Apache-2.0
// Every message between client, daemon and worker as a plain value. common/wire turns them into bytes and
// back; nobody else knows how they look there. docs/protocol.md tells who may say what when.
#pragma once

#include <promised/types.hpp>
#include <promised/views.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/payload.hpp"

namespace promised::message {

inline constexpr std::uint32_t kClientProtocol = 1;
inline constexpr std::uint32_t kWorkerProtocol = 1;

/// What a note or a part counts for beside its bytes, against max_notes and max_parts.
inline constexpr std::size_t kEntryCost = 64;
/// A note's key has 1 byte to so many.
inline constexpr std::size_t kMostNoteKey = 255;
/// One Waits has at most so many ids.
inline constexpr std::size_t kMostWaitedFor = 4096;

/// What a job has told of itself beside its outcome, and is kept with it (SEMANTICS P1 to P4).
struct Told {
  std::vector<NoteView> notes{};
  std::optional<double> progress;
  std::string progress_message{};
  std::uint64_t run = 0;  ///< which run of the job parts and output are of; 0: there are none
  std::uint64_t parts = 0;
  std::uint64_t parts_size = 0;    ///< bytes
  std::uint64_t output_size = 0;   ///< bytes that are kept of what it has printed
  std::uint64_t output_total = 0;  ///< bytes that it has printed
  [[nodiscard]] bool empty() const { return notes.empty() && !progress && parts == 0 && output_total == 0; }
  friend bool operator==(const Told&, const Told&) = default;
};

// ---- client to daemon
// -----------------------------------------------------------------------------------------

struct Hello {
  std::uint32_t protocol = kClientProtocol;
  JobId client{};  ///< 16 random bytes that stay the same when the client reconnects
  std::string program{};
};
/// The payload is the encoded arguments.
struct Submit {
  JobId id{};
  std::string function{};
  Options options{};
};
/// A job by id, or the future that the asker remembers under a name. Exactly one of the two is set.
struct Key {
  JobId id{};
  std::string name{};
};
struct Watch {
  Key key{};
  bool take = false;  ///< for one asker alone: forget the name with the answer that has the outcome
  bool peek = false;  ///< answer now, whatever the state; do not tell again
};
struct Cancel {
  Key key{};
  bool now = false;      ///< without the grace
  std::string reason{};  ///< why, in the words of who says it
};
/// How a job ended, told by the client that has its outcome already: the daemon keeps an unnamed outcome only
/// until it has arrived, yet it may be given a name later (SEMANTICS R2).
struct KnownOutcome {
  std::string function{};
  State state = State::succeeded;
  Failure failure{};
  std::string reason{};
  Durability durability = Durability::durable;
  Told told{};  ///< notes and progress
};
/// The payload is the value, if there is an outcome and the job succeeded.
struct Remember {
  JobId id{};
  std::string name{};
  std::optional<std::chrono::milliseconds> lifespan;
  Duplicate duplicate = Duplicate::raise;
  std::optional<KnownOutcome> outcome;
};
struct Forget {
  Key key{};
};
/// New limits for a job that has not ended; answered with Known.
struct Adjust {
  JobId id{};
  std::optional<std::chrono::milliseconds> timeout;
  std::optional<std::chrono::milliseconds> run_timeout;
};
/// Those of these jobs that have not begun are to be cancelled; answered with Count.
struct Withdraw {
  std::vector<JobId> ids;
};
struct List {
  std::uint32_t states = 0;  ///< bit n stands for State n; 0: all
  std::string function{};    ///< a glob; empty: all
  std::string queue{};
  std::string name_prefix{};
  bool remembered = false;  ///< only those that have a name
  std::uint32_t most = 0;   ///< a page; 0: 100
  JobId after{};            ///< the id that the page before ended with
  bool count = false;       ///< only how many: answered by Count
  bool mine = false;        ///< only those that the asker finds by name
};
/// One job: by key, by the beginning of its id's text, or the asker's newest.
struct Show {
  Key key{};
  std::string prefix{};
  bool last = false;
};
struct StatusQuery {};
struct Bye {};
/// Answered, when it is done, with StoreDone.
struct StoreCommand {
  StoreTask task = StoreTask::check;
  std::string path{};  ///< backup: the directory to be; empty: the daemon chooses one
};
/// The configuration is to be read anew; answered with Reloaded, or refused with what is wrong with it.
struct Reload {};
/// A job that has failed is to run again; answered with Known, which says whether it will.
struct RetryJob {
  Key key{};
};
/// Answered with Count: of `clear` how many jobs are cancelled, else how many wait in the queue.
struct SteerQueue {
  std::string queue{};
  QueueChange change{};
  bool clear = false;  ///< cancel all that waits in it
};
/// Answered with Count: how many jobs hold the quota.
struct SteerQuota {
  std::string name{};
  std::uint64_t size = 0;
  bool remove = false;  ///< it does not bind any more
};
/// Answered with Explained.
struct Explain {
  Key key{};
};
/// What the job reports, now and as it comes; answered with News until one is the last.
struct Follow {
  Key key{};
  bool progress = false;
  bool parts = false;
  std::uint64_t parts_from = 0;  ///< the first that is wanted
  std::uint64_t run = 0;         ///< those before it, and the output before output_from, were of this run
  bool output = false;
  std::uint64_t output_from = 0;  ///< the first byte that is wanted
};
/// Parts before `parts_from` and output before `output_from` have been used: more may come. Not answered.
struct Advance {
  std::uint64_t follow = 0;  ///< the number of the Follow
  std::uint64_t parts_from = 0;
  bool stop = false;
  std::uint64_t output_from = 0;
  std::uint64_t events_from = 0;  ///< the number of a Subscribe instead: the same of its events
};
/// The payload is the encoded value; none: the note is to be gone. Answered with Known.
struct SetNote {
  Key key{};
  std::string note{};
};
/// What happens to jobs from now on is to be told (SEMANTICS C9); answered with Events, the first of which is
/// empty. All conditions must hold.
struct Subscribe {
  std::uint32_t kinds = 0;  ///< bit n stands for EventKind n; 0: all
  std::string function{};   ///< a glob; empty: all
  std::string queue{};
  std::string name_prefix{};
  std::optional<std::uint32_t> owner{};  ///< uid; nothing: all that the asker may see
};
/// Nothing more is to be told; answered with the last Events of the Subscribe.
struct Unsubscribe {
  std::uint64_t subscription = 0;  ///< the number of the Subscribe
};

/// A call that follows another job: a job of its own that begins when that has ended so. The payload is its
/// arguments; the outcome comes before them. Answered like a Submit.
struct AddCallback {
  Key key{};  ///< the other job
  Follows follows = Follows::done;
  JobId id{};
  std::string function{};
  Options options{};
};
/// A composite with all that belongs to it, accepted as a whole or not at all (SEMANTICS C4). The payload has
/// the arguments of all nodes, one behind the other. Answered like a Submit of the first node.
struct SubmitTree {
  struct Node {
    JobId id{};
    std::string function{};  ///< of one that is no composite
    Options options{};
    Composite composite = Composite::none;
    MemberFailure on_member_failure = MemberFailure::go_on;
    Follows follows = Follows::nothing;  ///< member or then; of the first node nothing
    std::uint32_t parent = 0;            ///< its place in `nodes`, before this one's
    std::uint64_t arguments_size = 0;    ///< bytes
  };
  std::vector<Node> nodes;
};

struct Request {
  std::uint64_t number = 0;    ///< chosen by the client, counting up
  std::uint64_t received = 0;  ///< every delivery up to here has arrived
  /// Nothing in it: the message only acknowledges.
  std::variant<std::monostate, Hello, Submit, Watch, Cancel, Remember, Forget, Adjust, List, Show,
               StatusQuery, Bye, StoreCommand, Follow, Advance, SetNote, Withdraw, Reload, SteerQueue,
               SteerQuota, Explain, RetryJob, Subscribe, Unsubscribe, AddCallback, SubmitTree>
      body;
};

// ---- daemon to client
// -----------------------------------------------------------------------------------------

struct Welcome {
  std::uint32_t protocol = kClientProtocol;
  std::string version{};
  JobId daemon{};  ///< differs after a restart
  std::uint64_t max_arguments = 0;
};
struct Accepted {
  std::vector<std::uint64_t> numbers;  ///< of the Submit requests
};
struct Refused {
  std::string code{};
  std::string message{};
  JobId holder{};                ///< code name_taken: who has it
  State state = State::unknown;  ///< name_taken: the holder's; no_such_future: lapsed, forgotten or unknown
};
/// The payload is the value, if the job succeeded.
struct Ended {
  JobId id{};
  State state = State::succeeded;
  Failure failure{};
  std::string reason{};  ///< who cancelled it
  Told told{};
};
struct Known {
  JobId id{};
  State state = State::unknown;
  bool effect = false;  ///< Cancel, Forget: whether it had one
};
struct Jobs {
  std::vector<JobView> jobs;
  bool more = false;
};
struct Status {
  StatusView view;
};
struct StoreDone {
  StoreReport report;
};
struct Reloaded {
  ReloadReport report;
};
struct Explained {
  Explanation explanation;
};

/// The payload is the parts, one behind the other.
struct News {
  std::optional<double> progress;
  std::string progress_message{};
  std::uint64_t run = 0;
  std::uint64_t first = 0;  ///< the number of the first part
  std::vector<std::uint32_t> sizes{};
  bool last = false;
  /// The number of the first byte in `output`, or of the one that comes next: what is between it and what was
  /// told before is lost.
  std::uint64_t output_first = 0;
  std::string output{};            ///< bytes of any kind
  std::uint64_t output_total = 0;  ///< printed by the run so far
};
/// Of List: how many there are. Of Withdraw: how many are taken back. Of SteerQueue and SteerQuota: see
/// there.
struct Count {
  std::uint64_t count = 0;
};
/// Answers a Subscribe.
struct Events {
  std::vector<JobEvent> events{};
  std::uint64_t first = 0;  ///< the number of the first of them; they count from 0
  std::uint64_t lost = 0;   ///< events before these that came faster than they were used, and have no number
  bool last = false;        ///< nothing comes after this
};

struct Reply {
  std::uint64_t number = 0;  ///< the request that this answers
  /// Set on the outcomes of unnamed jobs, which the daemon keeps until they have arrived: counts up within a
  /// session, and Request::received acknowledges it. Zero on everything else.
  std::uint64_t delivery = 0;
  std::variant<Welcome, Accepted, Refused, Ended, Known, Jobs, Status, StoreDone, News, Count, Reloaded,
               Explained, Events>
      body;
};

// ---- daemon to worker
// -----------------------------------------------------------------------------------------

struct WorkerWelcome {
  std::uint32_t protocol = kWorkerProtocol;
  std::string pool;
  std::uint64_t max_result = 0;  ///< bytes
  std::uint64_t max_parts = 0;   ///< bytes
  std::uint64_t max_notes = 0;   ///< bytes
  Isolation isolation = Isolation::worker;
  std::uint64_t cpu_time = 0;  ///< seconds of the processor that one job may use; 0: no limit
};
/// The payload is the arguments.
struct Run {
  std::uint32_t sequence = 0;
  JobId id{};
  std::uint32_t function = 0;  ///< index in Ready::functions
  std::uint32_t attempt = 0;
};
struct Stop {};
/// Answers ReadNotes: what others have written since.
struct Notes {
  std::uint32_t sequence = 0;
  std::uint64_t version = 0;      ///< up to which change
  std::uint32_t written = 0;      ///< the last WriteNote that had been read
  std::vector<NoteView> notes{};  ///< without a value: it is gone
};
/// Answers Waits: the job goes on.
struct Resume {
  std::uint32_t sequence = 0;
  std::string code{};     ///< empty: all that it waited for have ended. Else why it does not wait:
  std::string message{};  ///< "deadlock", "limit", "no_such_future" or "cancelled"
};
using ToWorker = std::variant<WorkerWelcome, Run, Stop, Notes, Resume>;

// ---- worker to daemon
// -----------------------------------------------------------------------------------------

/// The exit status of a worker that has handed back its job, having no process to run it in (isolation =
/// job).
inline constexpr int kNoProcessForJob = 75;

struct Ready {
  std::uint32_t protocol = kWorkerProtocol;
  std::vector<FunctionView> functions;
};
/// The payload is the result, when failure.cause is none.
struct AttemptEnded {
  std::uint32_t sequence = 0;
  Failure failure{};
  std::chrono::nanoseconds ran{0};
  JobId becomes{};  ///< not empty: there is no result, what this job comes to is what the job gets
};
struct Progress {
  std::uint32_t sequence = 0;
  double percent = 0;  ///< 0 to 100, NaN: unknown
  std::string message{};
};
/// The payload is the part.
struct Part {
  std::uint32_t sequence = 0;
};
struct WriteNote {
  std::uint32_t sequence = 0;
  std::uint32_t write = 0;  ///< counts from 1 within the attempt
  NoteView note{};          ///< without a value: it is to be gone
};
struct ReadNotes {
  std::uint32_t sequence = 0;
  std::uint64_t version = 0;  ///< what is known already; 0: nothing
};
/// A job waits until all of these have ended; answered with Resume.
struct Waits {
  std::uint32_t sequence = 0;
  std::vector<JobId> ids{};
};
/// A job has spoilt the worker for others: it begins none any more, and ends when it is told to Stop.
struct Leaves {
  std::string why{};
};
using FromWorker = std::variant<Ready, AttemptEnded, Progress, Part, WriteNote, ReadNotes, Waits, Leaves>;

}  // namespace promised::message
