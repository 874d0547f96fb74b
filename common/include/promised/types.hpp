// SPDX-License-Identifier: Apache-2.0
// The nouns that applications, workers, the daemon and the command line share: a job's id, its state, why it
// failed, and the options of a call. Plain values: nothing here talks to anybody.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace promised {

/// A job's id: a UUIDv7 made by the client, so that a resubmission is the same job (SEMANTICS S2).
class JobId {
 public:
  static constexpr std::size_t kSize = 16;

  constexpr JobId() = default;
  /// `bytes` in network order, as RFC 9562 has them.
  explicit constexpr JobId(const std::array<std::uint8_t, kSize>& bytes) : bytes_(bytes) {}

  /// The id in its 36-character form, in either case; nothing for any other text.
  [[nodiscard]] static std::optional<JobId> parse(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    JobId id;
    std::size_t digit = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (i == 8 || i == 13 || i == 18 || i == 23) {
        if (c != '-') return std::nullopt;
        continue;
      }
      int nibble = 0;
      if (c >= '0' && c <= '9') {
        nibble = c - '0';
      } else if (c >= 'a' && c <= 'f') {
        nibble = c - 'a' + 10;
      } else if (c >= 'A' && c <= 'F') {
        nibble = c - 'A' + 10;
      } else {
        return std::nullopt;
      }
      id.bytes_[digit / 2] = static_cast<std::uint8_t>(id.bytes_[digit / 2] << 4 | nibble);
      ++digit;
    }
    return id;
  }

  /// The 36-character form in lower case.
  [[nodiscard]] std::string text() const {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    out.reserve(36);
    for (std::size_t i = 0; i < kSize; ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) out.push_back('-');
      out.push_back(kDigits[bytes_[i] >> 4]);
      out.push_back(kDigits[bytes_[i] & 15]);
    }
    return out;
  }

  [[nodiscard]] constexpr const std::array<std::uint8_t, kSize>& bytes() const { return bytes_; }
  [[nodiscard]] std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  [[nodiscard]] constexpr bool empty() const { return bytes_ == std::array<std::uint8_t, kSize>{}; }

  friend constexpr auto operator<=>(const JobId&, const JobId&) = default;

 private:
  std::array<std::uint8_t, kSize> bytes_{};
};

/// What is known of a job or a name. The answers are distinct: nobody has to guess whether a result is late
/// or lost.
enum class State : std::uint8_t {
  unknown = 0,    ///< never heard of it, or its tombstone is gone too
  scheduled = 1,  ///< waits for its moment
  pending = 2,    ///< waits in its queue
  running = 3,
  waiting = 4,  ///< waits for other jobs; its slot is free meanwhile
  succeeded = 5,
  failed = 6,
  cancelled = 7,
  expired = 8,    ///< waited longer than its timeout
  lapsed = 9,     ///< was there; its lifespan is over (SEMANTICS R6)
  forgotten = 10  ///< somebody said forget
};

/// True for the four ways in which a job ends.
[[nodiscard]] constexpr bool is_ended(State s) {
  return s >= State::succeeded && s <= State::expired;
}

/// Why a job failed.
enum class Cause : std::uint8_t {
  none = 0,
  exception = 1,       ///< the function threw: see type and message
  crashed = 2,         ///< the worker was killed by a signal
  exited = 3,          ///< the worker ended without an answer: see exit_code
  memory = 4,          ///< the pool's memory limit
  timed_out = 5,       ///< see limit
  interrupted = 6,     ///< cut off by no fault of its own, and submitted at most once
  quarantined = 7,     ///< it kept killing its worker
  deadlock = 8,        ///< a circle of waits
  no_function = 9,     ///< no pool offers the function
  bad_arguments = 10,  ///< wrong number or type of arguments
  result_too_large = 11,
  member_failed = 12  ///< a member of the composite did not succeed, and it stops then
};

enum class Durability : std::uint8_t {
  durable = 0,  ///< accepted means on disk
  memory = 1    ///< lost when the daemon goes
};

/// What happens when the name is taken (SEMANTICS R3).
enum class Duplicate : std::uint8_t {
  raise = 0,    ///< the submission fails with NameTaken
  replace = 1,  ///< the old holder loses the name; its job goes on
  attach = 2,   ///< the caller gets the holder's future; the new call does not run
  keep = 3      ///< the new job runs, unnamed
};

/// What becomes of a job whose submitter has gone (SEMANTICS S6).
enum class Abandon : std::uint8_t {
  go_on = 0,  ///< nothing: whoever knows its name or id may ask for it later
  cancel = 1  ///< it is cancelled
};

/// What is tried again beside interruptions (SEMANTICS A3). The numbers are bits on the wire.
enum class Retry : std::uint8_t {
  nothing = 0,
  crash = 1  ///< the job's worker crashed, exited or ran out of memory
};

/// How a job hangs on another one (SEMANTICS C1, C4). The numbers are on the wire.
enum class Follows : std::uint8_t {
  nothing = 0,
  success = 1,  ///< it begins when the other has succeeded,
  failure = 2,  ///< has failed or expired,
  done = 3,     ///< or has ended, however
  member = 4,   ///< it is a member of the other, which is a composite
  then = 5      ///< it gets the list of what the members of the other have come to
};

/// A job that is made of others (SEMANTICS C4).
enum class Composite : std::uint8_t {
  none = 0,
  serial = 1,   ///< its members run one after the other
  parallel = 2  ///< its members may run at the same time
};

/// What a composite does when one of its members does not succeed (SEMANTICS C5).
enum class MemberFailure : std::uint8_t {
  go_on = 0,  ///< runs the others all the same; what became of each is in its list
  stop = 1    ///< cancels those that have not begun, and fails
};

/// What a job shares with the others of its worker (SEMANTICS I1).
enum class Isolation : std::uint8_t {
  worker = 0,  ///< the process: it runs one job after the other
  job = 1      ///< only what the program had set up before its first job: each job has a fork of that
};

/// How the pauses between attempts go on (SEMANTICS A1).
enum class Growth : std::uint8_t {
  fixed = 0,       ///< all are like the first
  exponential = 1  ///< each is twice as long as the one before
};

/// The pause before a failed job is tried again (SEMANTICS A1).
struct Backoff {
  /// Always the same pause.
  [[nodiscard]] static Backoff fixed(std::chrono::milliseconds pause, double jitter = 0) {
    return {Growth::fixed, pause, pause, jitter};
  }
  /// Twice as long each time, up to `most`.
  [[nodiscard]] static Backoff exponential(std::chrono::milliseconds first, std::chrono::milliseconds most,
                                           double jitter = 0) {
    return {Growth::exponential, first, most, jitter};
  }

  Growth growth = Growth::exponential;
  std::chrono::milliseconds first{1'000};
  std::chrono::milliseconds most{600'000};  ///< not less than the first
  /// From 0 to 1: by which part of it a pause is longer or shorter at random, so that what failed together
  /// does not come back together.
  double jitter = 0.1;

  friend bool operator==(const Backoff&, const Backoff&) = default;
};

/// Options::retries() is at most so many.
inline constexpr std::uint32_t kMostRetries = 10'000;

/// As a timeout: as long as it takes; a wait never hangs on a daemon that is gone, that is a
/// DisconnectedError. As a lifespan: until it is forgotten, where the daemon's configuration allows it.
inline constexpr std::chrono::milliseconds kForever = std::chrono::milliseconds::max();

/// How and why a job failed, as its reader gets it.
struct Failure {
  Cause cause = Cause::none;
  std::string type;     ///< exception: the demangled C++ type
  std::string message;  ///< one sentence for a person
  std::string output;   ///< the last of what the worker wrote to stdout and stderr
  std::string limit;    ///< timed_out: which: "run_timeout", "progress_timeout", "deadline" or "cpu_time"
  int signal = 0;       ///< crashed: the signal's number
  int exit_code = 0;    ///< exited: the exit status
  std::uint32_t attempt = 0;
  std::int32_t pid = 0;  ///< the worker's
  std::chrono::nanoseconds ran{0};
  /// Of the worker's process, since it was started: the CPU time in its own code and in the kernel's, and the
  /// most that it had in memory, in bytes. 0: not known, as where it goes on after the failure.
  std::chrono::nanoseconds user{0};
  std::chrono::nanoseconds system{0};
  std::uint64_t peak_memory = 0;
  /// crashed, memory: where, a line a frame, the innermost first. Empty: it is not known.
  std::string backtrace{};
  /// Trying again is of no use, as the job itself has said (promised::Permanent).
  bool permanent = false;
  /// When to try again, as the job itself has said (promised::RetryAfter).
  std::optional<std::chrono::milliseconds> retry_after{};

  friend bool operator==(const Failure&, const Failure&) = default;
};

/// A cap on how many jobs run at once that a job keeps to (SEMANTICS Q3, Q5).
struct QuotaUse {
  std::string name;
  std::uint32_t most = 0;  ///< jobs with this name as their key that may run at once; 0: it is a quota of the
                           ///< daemon's configuration, which has a size
  friend bool operator==(const QuotaUse&, const QuotaUse&) = default;
};

/// The options of a call: a value that can be kept and reused. Every setter returns the options themselves.
class Options {
 public:
  /// The queue to wait in; made on first use. 1 to 255 bytes.
  Options& queue(std::string name) {
    queue_ = std::move(name);
    return *this;
  }
  /// -100 to 100; higher ones leave the queue first (SEMANTICS Q1).
  Options& priority(int p) {
    priority_ = p;
    return *this;
  }
  /// The longest wait in the queue; over it the job is expired (SEMANTICS T1). Zero: no limit.
  Options& timeout(std::chrono::milliseconds t) {
    timeout_ = t;
    return *this;
  }
  /// The longest run of one attempt; over it the job fails as timed_out (SEMANTICS T3). Zero: the pool's
  /// limit.
  Options& run_timeout(std::chrono::milliseconds t) {
    run_timeout_ = t;
    return *this;
  }
  /// Keep the future under `name`, and `lifespan` after the job has ended (SEMANTICS R1). No lifespan: the
  /// daemon's default; zero: until it is delivered; kForever: until it is forgotten, where the daemon's
  /// allow_forever says so.
  Options& remember(std::string name, std::optional<std::chrono::milliseconds> lifespan = {},
                    Duplicate duplicate = Duplicate::raise) {
    name_ = std::move(name);
    lifespan_ = lifespan;
    duplicate_ = duplicate;
    return *this;
  }
  Options& durability(Durability d) {
    durability_ = d;
    return *this;
  }
  /// Not run again after an interruption: it then fails as interrupted (SEMANTICS A4).
  Options& at_most_once(bool on = true) {
    at_most_once_ = on;
    return *this;
  }

  /// Whether the job is cancelled when its submitter has gone: at once when its process has ended or its
  /// Client was closed, else when the connection has been lost for `grace` (none: the client's
  /// connect_timeout) without a reconnect (SEMANTICS S6).
  Options& abandon(Abandon a, std::optional<std::chrono::milliseconds> grace = {}) {
    abandon_ = a;
    abandon_grace_ = grace;
    return *this;
  }

  /// The longest silence of a running job: without progress, a part or a note of its own. Over it, the job
  /// fails as timed_out (SEMANTICS T3). Zero: the pool's limit.
  Options& progress_timeout(std::chrono::milliseconds t) {
    progress_timeout_ = t;
    return *this;
  }
  /// The longest time from submission to end, in the queue, running and waiting, over all attempts and over
  /// restarts of the daemon. Over it, the job fails as timed_out, also in its queue (SEMANTICS T3). Zero: no
  /// limit.
  Options& deadline(std::chrono::milliseconds t) {
    deadline_ = t;
    return *this;
  }
  /// Retry::crash: when the worker crashes, the job goes back to its queue, until it has crashed max_crashes
  /// times; then it fails as quarantined (SEMANTICS A3). Not for jobs that run at most once.
  Options& retry_on(Retry what) {
    retry_on_ = what;
    return *this;
  }
  /// The job runs only while fewer than the quota's size run that name it, over all pools and queues; others
  /// go before it meanwhile (SEMANTICS Q3). The daemon's configuration has its size; where it has none of
  /// that name, the submission is refused. A job may have up to 8 quotas and keys, and takes all of them
  /// together. 1 to 255 bytes.
  Options& quota(std::string name) {
    quotas_.push_back({std::move(name), 0});
    return *this;
  }
  /// At most `most` jobs of the same user that name this key run at once; nothing has to be configured for
  /// that (SEMANTICS Q5). `most` is at least 1. The key has 1 to 255 bytes.
  Options& quota(std::string key, std::uint32_t most) {
    quotas_.push_back({std::move(key), std::max(most, 1U)});
    return *this;
  }
  /// One at a time: quota(key, 1).
  Options& exclusive(std::string key) { return quota(std::move(key), 1); }

  /// Not before this moment of the wall clock, whatever becomes of that clock (SEMANTICS T2, T4); until then
  /// the job is scheduled. A moment in the past: at once. Takes the place of a delay.
  Options& begin_after(std::chrono::system_clock::time_point moment) {
    begin_after_ = std::chrono::time_point_cast<std::chrono::microseconds>(moment);
    delay_ = std::chrono::milliseconds(0);
    return *this;
  }
  /// Not before so long after the submission (SEMANTICS T2). Takes the place of begin_after.
  Options& delay(std::chrono::milliseconds t) {
    delay_ = t;
    begin_after_ = {};
    return *this;
  }
  /// The latest start: so long after the moment from which on it may begin, or after the submission. Over it
  /// the job is expired (SEMANTICS T2). Zero: no limit.
  Options& begin_by(std::chrono::milliseconds t) {
    begin_by_ = t;
    return *this;
  }
  /// How often a failed attempt is tried again, after pauses that backoff() says: up to kMostRetries
  /// (SEMANTICS A1). Of use where the same call may do better the next time: an exception, unless it is a
  /// promised::Permanent, memory, and limits of time but deadline; not a crash, for which there is
  /// retry_on(). Not for jobs that run at most once.
  Options& retries(std::uint32_t times) {
    retries_ = times;
    return *this;
  }
  /// The pauses between attempts; without it Backoff(), and none after a crash.
  Options& backoff(const Backoff& pauses) {
    backoff_ = pauses;
    return *this;
  }
  /// A submission with the same owner, function and arguments as a unique one that has not ended joins that
  /// job, as Duplicate::attach does (SEMANTICS Q8).
  Options& unique(bool on = true) {
    unique_ = on;
    return *this;
  }

  [[nodiscard]] const std::string& queue() const { return queue_; }
  [[nodiscard]] int priority() const { return priority_; }
  [[nodiscard]] std::chrono::milliseconds timeout() const { return timeout_; }
  [[nodiscard]] std::chrono::milliseconds run_timeout() const { return run_timeout_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::optional<std::chrono::milliseconds> lifespan() const { return lifespan_; }
  [[nodiscard]] Duplicate duplicate() const { return duplicate_; }
  [[nodiscard]] Durability durability() const { return durability_; }
  [[nodiscard]] bool at_most_once() const { return at_most_once_; }
  [[nodiscard]] Abandon abandon() const { return abandon_; }
  [[nodiscard]] std::optional<std::chrono::milliseconds> abandon_grace() const { return abandon_grace_; }
  [[nodiscard]] std::chrono::milliseconds progress_timeout() const { return progress_timeout_; }
  [[nodiscard]] std::chrono::milliseconds deadline() const { return deadline_; }
  [[nodiscard]] Retry retry_on() const { return retry_on_; }
  [[nodiscard]] const std::vector<QuotaUse>& quotas() const { return quotas_; }
  /// Zero (1970): at once, or after the delay.
  [[nodiscard]] std::chrono::sys_time<std::chrono::microseconds> begin_after() const { return begin_after_; }
  [[nodiscard]] std::chrono::milliseconds delay() const { return delay_; }
  [[nodiscard]] std::chrono::milliseconds begin_by() const { return begin_by_; }
  [[nodiscard]] std::uint32_t retries() const { return retries_; }
  [[nodiscard]] const std::optional<Backoff>& backoff() const { return backoff_; }
  [[nodiscard]] bool unique() const { return unique_; }

  friend bool operator==(const Options&, const Options&) = default;

 private:
  std::string queue_ = "default";
  std::string name_;
  std::chrono::milliseconds timeout_{0};
  std::chrono::milliseconds run_timeout_{0};
  std::optional<std::chrono::milliseconds> lifespan_;
  int priority_ = 0;
  Duplicate duplicate_ = Duplicate::raise;
  Durability durability_ = Durability::durable;
  bool at_most_once_ = false;
  Abandon abandon_ = Abandon::go_on;
  std::optional<std::chrono::milliseconds> abandon_grace_;
  std::chrono::milliseconds progress_timeout_{0};
  std::chrono::milliseconds deadline_{0};
  Retry retry_on_ = Retry::nothing;
  std::vector<QuotaUse> quotas_;
  bool unique_ = false;
  std::uint32_t retries_ = 0;
  std::chrono::sys_time<std::chrono::microseconds> begin_after_{};
  std::chrono::milliseconds delay_{0};
  std::chrono::milliseconds begin_by_{0};
  std::optional<Backoff> backoff_;
};

/// How a job is cancelled. Every setter returns the options themselves.
class CancelOptions {
 public:
  /// A running job is killed at once, without the time that it has otherwise to stop by itself and to clean
  /// up (SEMANTICS X1).
  CancelOptions& now(bool on = true) {
    now_ = on;
    return *this;
  }
  /// Why, for whoever asks for the outcome. Cut after 4 KiB.
  CancelOptions& reason(std::string text) {
    reason_ = std::move(text);
    return *this;
  }

  [[nodiscard]] bool now() const { return now_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  std::string reason_;
  bool now_ = false;
};

[[nodiscard]] constexpr std::string_view to_string(State s) {
  switch (s) {
    case State::unknown:
      return "unknown";
    case State::scheduled:
      return "scheduled";
    case State::pending:
      return "pending";
    case State::running:
      return "running";
    case State::waiting:
      return "waiting";
    case State::succeeded:
      return "succeeded";
    case State::failed:
      return "failed";
    case State::cancelled:
      return "cancelled";
    case State::expired:
      return "expired";
    case State::lapsed:
      return "lapsed";
    case State::forgotten:
      return "forgotten";
  }
  return "unknown";
}

[[nodiscard]] constexpr std::string_view to_string(Follows how) {
  constexpr std::string_view names[] = {"nothing", "success", "failure", "done", "member", "then"};
  return names[static_cast<std::size_t>(how)];
}

[[nodiscard]] constexpr std::string_view to_string(Composite kind) {
  constexpr std::string_view names[] = {"none", "serial", "parallel"};
  return names[static_cast<std::size_t>(kind)];
}

[[nodiscard]] constexpr std::string_view to_string(MemberFailure what) {
  return what == MemberFailure::stop ? "stop" : "go_on";
}

[[nodiscard]] constexpr std::string_view to_string(Isolation isolation) {
  return isolation == Isolation::job ? "job" : "worker";
}

[[nodiscard]] constexpr std::string_view to_string(Cause c) {
  switch (c) {
    case Cause::none:
      return "none";
    case Cause::exception:
      return "exception";
    case Cause::crashed:
      return "crashed";
    case Cause::exited:
      return "exited";
    case Cause::memory:
      return "memory";
    case Cause::timed_out:
      return "timed_out";
    case Cause::interrupted:
      return "interrupted";
    case Cause::quarantined:
      return "quarantined";
    case Cause::deadlock:
      return "deadlock";
    case Cause::no_function:
      return "no_function";
    case Cause::bad_arguments:
      return "bad_arguments";
    case Cause::result_too_large:
      return "result_too_large";
    case Cause::member_failed:
      return "member_failed";
  }
  return "none";
}

}  // namespace promised

template <>
struct std::hash<promised::JobId> {
  std::size_t operator()(const promised::JobId& id) const noexcept {
    // The last eight bytes of a UUIDv7 are random but for two bits.
    std::uint64_t tail = 0;
    std::memcpy(&tail, id.bytes().data() + 8, sizeof tail);
    return static_cast<std::size_t>(tail);
  }
};
