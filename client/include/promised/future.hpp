// SPDX-License-Identifier: Apache-2.0
// The client's handle on a job: ask how it stands, wait for it, fetch what it returned, steer it. A future is
// a cheap copy of a pointer; it may outlive the Client that made it, be used from several threads, and be
// dropped at any time: the job goes on. The calls of PEP 3148 behave as they do there (SEMANTICS S3).
#pragma once

#include <promised/calls.hpp>
#include <promised/convert.hpp>
#include <promised/error.hpp>
#include <promised/export.hpp>
#include <promised/stream.hpp>
#include <promised/types.hpp>
#include <promised/value.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace promised {

/// How long calls that only need the daemon's answer, not the job's end, wait for it.
inline constexpr std::chrono::milliseconds kAnswerTimeout{30'000};

class AnyFuture;
template <class R>
class Future;

namespace detail {
class FutureState;
struct FutureAccess;
/// Calls `f` once, on the thread for callbacks: with nothing when the future is done, or with the
/// DisconnectedError when the daemon has been gone for too long before. False if it is done already, and
/// throws if the daemon is gone already: then `f` is not called.
[[nodiscard]] PROMISED_EXPORT bool settle(const AnyFuture& future, std::function<void(std::exception_ptr)> f);
}  // namespace detail

/// A future whose result's type is not told. Future<R> is one too, so that futures of several types, and of
/// several clients, can be waited for together. Every call on an empty one but valid() throws Error.
///
/// Every call that waits throws TimeoutError when `timeout` is over and leaves the job alone (one with
/// Options::abandon is cancelled when its client goes, as ever), and DisconnectedError when the daemon has
/// been gone for longer than the client's connect_timeout (the future stays good: the client goes on trying
/// to reconnect). A timeout of zero looks and does not wait.
class PROMISED_EXPORT AnyFuture {
 public:
  AnyFuture() noexcept;
  AnyFuture(const AnyFuture& other) noexcept;
  AnyFuture(AnyFuture&& other) noexcept;
  AnyFuture& operator=(const AnyFuture& other) noexcept;
  AnyFuture& operator=(AnyFuture&& other) noexcept;
  ~AnyFuture();

  /// False for a default-constructed or moved-from future.
  [[nodiscard]] bool valid() const noexcept;
  /// The job's id. Of a future asked for by name it is empty until the daemon has answered: see accepted().
  /// Of a submission that attached to the holder of its name (SEMANTICS R3) it is the holder's, from then on.
  [[nodiscard]] JobId id() const;

  /// Waits until the daemon has accepted the job (a durable one: on disk), or, of a future asked for by name
  /// or id, until the daemon has said that it knows it. Throws RefusedError, NameTaken, NoSuchFuture.
  void accepted(std::chrono::milliseconds timeout = kForever) const;
  /// Waits for the job's end; false if `timeout` is over first. Never throws what the job did.
  bool wait(std::chrono::milliseconds timeout = kForever) const;
  /// Waits for the job's end. The value, or throws CancelledError, ExpiredError, JobFailed, NoSuchFuture,
  /// RefusedError, NameTaken.
  [[nodiscard]] Value value(std::chrono::milliseconds timeout = kForever) const;
  /// Waits for the job's end, then takes what its name holds: fetches the outcome and forgets the name in one
  /// step, so that exactly one of several who take gets it (SEMANTICS R7); then as value(). Throws
  /// NoSuchFuture (forgotten) when another has taken it, or it has no name. Of a shared name it needs the
  /// right to write.
  [[nodiscard]] Value take_value(std::chrono::milliseconds timeout = kForever) const;
  /// What value() would throw once the job has ended; null if it succeeded. Throws CancelledError if it was
  /// cancelled, as in PEP 3148.
  [[nodiscard]] std::exception_ptr exception(std::chrono::milliseconds timeout = kForever) const;
  /// How the job failed; nothing if it ended in any other way. Waits for its end.
  [[nodiscard]] std::optional<Failure> failure(std::chrono::milliseconds timeout = kForever) const;

  /// Whether the outcome (or that there is none to come) has arrived here. Does not ask the daemon.
  [[nodiscard]] bool done() const;
  /// Whether the outcome has arrived here, and is that the job was cancelled. Does not ask the daemon.
  [[nodiscard]] bool cancelled() const;
  /// Whether a worker runs it now: asks the daemon.
  [[nodiscard]] bool running() const;
  /// How the job stands: asks the daemon unless the outcome has arrived here.
  [[nodiscard]] State state(std::chrono::milliseconds timeout = kAnswerTimeout) const;

  /// Cancels the job; false if that had no effect because it has ended (SEMANTICS X2). True: it will end as
  /// cancelled, whatever its function returns; one that runs, when the run has really stopped: it is asked to
  /// (promised::Job::cancelled), then told with SIGTERM and SIGKILL (SEMANTICS X1). Who cancelled it, and the
  /// reason that was given first, are in the message of CancelledError.
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  bool cancel(const CancelOptions& how = {}) const;
  /// Removes the name that its owner remembers it under, and says whether there was one; the job goes on and
  /// this future still works (SEMANTICS R4).
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  bool forget() const;

  /// Calls `f` with this future once it is done: on a thread that the client keeps for this, or here and now
  /// if it is done already. An exception from `f` is logged and does not stop other callbacks. `f` may block.
  void add_done_callback(std::function<void(const AnyFuture&)> f) const;

  /// How far the job is, as it last said (SEMANTICS P1): asks the daemon unless the outcome has arrived here.
  /// 100 once it has succeeded. A job that was cut off and runs again begins anew.
  [[nodiscard]] Progress progress(std::chrono::milliseconds timeout = kAnswerTimeout) const;
  /// Calls `f` with the job's progress as it changes, and at once with the latest, if there is one: on the
  /// thread that the client keeps for callbacks. An `f` that is slow misses some, never the last. It goes on
  /// over reconnects until the job has ended, whoever holds this future. What `f` throws is logged.
  void on_progress(std::function<void(const Progress&)> f) const;

  /// Shares a small value with the job, who may write notes too: the last writer wins (SEMANTICS P2). Waits
  /// for the daemon's answer (durable: on disk). False if it had no effect because the job has ended. A null
  /// value removes the note; `key` has 1 to 255 bytes of UTF-8. Throws RefusedError ("limit") when all notes
  /// of the job would take more than max_notes bytes.
  template <class T>
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  bool note(std::string_view key, const T& value) const {
    return write_note(key, to_value(value));
  }
  /// A note as it is now, or was when the job ended; nothing if there is none. Throws Mismatch when it is no
  /// T.
  template <class T = Value>
  [[nodiscard]] std::optional<T> note(std::string_view key) const {
    std::map<std::string, Value> all = notes();
    const auto found = all.find(std::string(key));
    if (found == all.end()) return std::nullopt;
    return from_value<T>(std::move(found->second));
  }
  /// All of them: asks the daemon unless the outcome has arrived here.
  [[nodiscard]] std::map<std::string, Value> notes(std::chrono::milliseconds timeout = kAnswerTimeout) const;

  /// What the job streams, from the start and as it comes, also after its end, as long as its outcome is kept
  /// (SEMANTICS P3): `for (auto& part : future.parts<std::string>()) use(part);`. `timeout` is the longest
  /// wait for one part. The range ends with the job, and throws what value() would if the job has not
  /// succeeded. Any number may read them. The parts of an unnamed job are kept until its submitter has read
  /// them, or for keep_unfetched.
  template <class T = Value>
  [[nodiscard]] Parts<T> parts(std::chrono::milliseconds timeout = kForever) const {
    return Parts<T>(*this, timeout);
  }

  /// What the job has written to stdout and stderr, both in one, as bytes that may be of any kind (SEMANTICS
  /// P4): what is kept of it (the last max_output bytes, 64 KiB where nobody says else), or, while it runs,
  /// what there is so far. Asks the daemon. Kept as long as the job's outcome: for one without a name, until
  /// that has arrived here; then NoSuchFuture.
  [[nodiscard]] std::string output(std::chrono::milliseconds timeout = kAnswerTimeout) const;
  /// The same from the beginning and as it comes, until the job has ended, whatever it comes to: `for (auto&
  /// piece : future.follow_output()) std::cout << piece.bytes;`. `timeout` is the longest wait for one piece.
  /// Any number may follow; none of them holds up the job.
  [[nodiscard]] OutputStream follow_output(std::chrono::milliseconds timeout = kForever) const {
    return {*this, timeout};
  }

  /// Has a call submitted by the daemon when the job has succeeded, failed (or expired), or ended in any way,
  /// with the job's Outcome before its own arguments (SEMANTICS C1). It is a job of its own, as durable as
  /// this one, and this is its future. Where the job has ended already, it is submitted at once. In any other
  /// case, such as that the job was cancelled, it ends as cancelled. A failing callback changes nothing for
  /// the job or for other callbacks; callbacks may have callbacks. Returns at once, and what stops it is
  /// thrown by the future: NoSuchFuture, where this job is not known any more. Throws Error for a composite.
  template <class R = Value>
  Future<R> on_success(const Call& call) const;
  template <class R = Value>
  Future<R> on_failure(const Call& call) const;
  template <class R = Value>
  Future<R> on_done(const Call& call) const;

  friend bool operator==(const AnyFuture& a, const AnyFuture& b) noexcept { return a.state_ == b.state_; }

 protected:
  void change_timeout(std::chrono::milliseconds t) const;
  void change_run_timeout(std::chrono::milliseconds t) const;
  void remember_as(std::string_view name, std::optional<std::chrono::milliseconds> lifespan,
                   Duplicate duplicate) const;
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  bool write_note(std::string_view key, const Value& value) const;
  [[nodiscard]] AnyFuture add_callback(Follows follows, const Call& call) const;
  /// "the result of FUNCTION (job ID)", for messages.
  [[nodiscard]] std::string result_place() const;

 private:
  friend struct detail::FutureAccess;
  explicit AnyFuture(detail::FutureState* adopted) noexcept;
  detail::FutureState* state_ =
      nullptr;  ///< counted in the state itself: one word to copy, one allocation a job
};

/// A future whose result is an R: any type of <promised/convert.hpp>, Value for whatever it is, void for
/// nothing.
template <class R = Value>
class Future : public AnyFuture {
 public:
  Future() noexcept = default;
  /// Tells the result's type.
  explicit Future(AnyFuture untyped) noexcept : AnyFuture(std::move(untyped)) {}

  /// Waits for the job's end. The result, or throws: see AnyFuture::value; and Mismatch when the result is
  /// not an R.
  R result(std::chrono::milliseconds timeout = kForever) const { return typed(value(timeout)); }
  /// The same for AnyFuture::take_value().
  R take(std::chrono::milliseconds timeout = kForever) const { return typed(take_value(timeout)); }

  /// For `co_await future.on(executor)`: the coroutine goes on where `executor`, called with a
  /// std::function<void()>, runs that; without on(), on the client's thread for callbacks (SEMANTICS S8).
  /// Needs a compiler with coroutines.
  template <class Executor>
  [[nodiscard]] auto on(Executor executor) const;

  /// New limits for a job that has not ended (SEMANTICS T1, T3): wait for the daemon's answer. Zero: no
  /// limit.
  const Future& timeout(std::chrono::milliseconds t) const {
    change_timeout(t);
    return *this;
  }
  const Future& run_timeout(std::chrono::milliseconds t) const {
    change_run_timeout(t);
    return *this;
  }
  /// Keeps this future under `name` while the job has not ended and `lifespan` after its end (SEMANTICS R1,
  /// R2; none: the daemon's default); said again, it renews the lifespan. Waits for the daemon's answer
  /// (durable: on disk). Throws NameTaken when another job has the name and `duplicate` is raise (SEMANTICS
  /// R3).
  const Future& remember(std::string_view name, std::optional<std::chrono::milliseconds> lifespan = {},
                         Duplicate duplicate = Duplicate::raise) const {
    remember_as(name, lifespan, duplicate);
    return *this;
  }

  using AnyFuture::add_done_callback;
  /// As AnyFuture's, for an `f` that takes this future with its type.
  template <class F>
  requires std::invocable < F&, const Future<R>
  & > &&(!std::invocable<F&, const AnyFuture&>)void add_done_callback(F f) const {
    AnyFuture::add_done_callback([f = std::move(f)](const AnyFuture& done) mutable { f(Future<R>(done)); });
  }

 private:
  R typed(Value value) const {
    if constexpr (!std::is_void_v<R>) {
      try {
        return from_value<R>(std::move(value));
      } catch (const Mismatch& m) {
        throw m.within(result_place());
      }
    }
  }
};

template <class R>
Future<R> AnyFuture::on_success(const Call& call) const {
  return Future<R>(add_callback(Follows::success, call));
}
template <class R>
Future<R> AnyFuture::on_failure(const Call& call) const {
  return Future<R>(add_callback(Follows::failure, call));
}
template <class R>
Future<R> AnyFuture::on_done(const Call& call) const {
  return Future<R>(add_callback(Follows::done, call));
}

/// When wait() returns.
enum class When : std::uint8_t { first_completed, first_exception, all_completed };

namespace detail {

/// Hands out futures in the order in which they are done. Counted waits on many futures at once, without a
/// thread.
class PROMISED_EXPORT CompletionQueue {
 public:
  explicit CompletionQueue(const std::vector<AnyFuture>& futures);
  CompletionQueue(CompletionQueue&&) noexcept;
  CompletionQueue& operator=(CompletionQueue&&) noexcept;
  ~CompletionQueue();

  /// The index of the next future that is done; nothing when `deadline` is over. Not to be called once all
  /// are out.
  [[nodiscard]] std::optional<std::size_t> next(std::chrono::steady_clock::time_point deadline);
  /// The TimeoutError that tells how many next() has not returned, and what becomes of their jobs.
  [[noreturn]] void throw_unfinished() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

[[nodiscard]] PROMISED_EXPORT std::chrono::steady_clock::time_point deadline_in(
    std::chrono::milliseconds timeout);
/// The indexes of those that are done when `when` is reached or `timeout` over.
[[nodiscard]] PROMISED_EXPORT std::vector<std::size_t> wait_for(const std::vector<AnyFuture>& futures,
                                                                std::chrono::milliseconds timeout, When when);

}  // namespace detail

/// What as_completed returns: an input range of the futures in the order in which they are done.
template <class F>
class AsCompleted {
 public:
  AsCompleted(std::vector<F> futures, std::chrono::milliseconds timeout)
      : futures_(std::move(futures)),
        queue_(std::vector<AnyFuture>(futures_.begin(), futures_.end())),
        deadline_(detail::deadline_in(timeout)) {}

  class iterator {
   public:
    using value_type = F;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    iterator() = default;
    explicit iterator(AsCompleted* range) : range_(range) { ++*this; }
    F& operator*() const { return range_->futures_[index_]; }
    F* operator->() const { return &range_->futures_[index_]; }
    iterator& operator++() {
      index_ = range_->next();
      if (index_ == range_->futures_.size()) range_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) { return i.range_ == nullptr; }

   private:
    AsCompleted* range_ = nullptr;
    std::size_t index_ = 0;
  };

  [[nodiscard]] iterator begin() { return iterator(this); }
  [[nodiscard]] static std::default_sentinel_t end() { return {}; }

 private:
  std::size_t next() {
    if (out_ == futures_.size()) return futures_.size();
    const std::optional<std::size_t> index = queue_.next(deadline_);
    if (!index) queue_.throw_unfinished();
    ++out_;
    return *index;
  }

  std::vector<F> futures_;
  detail::CompletionQueue queue_;
  std::chrono::steady_clock::time_point deadline_;
  std::size_t out_ = 0;
};

/// `futures` (any range of Future<R> or AnyFuture) in the order in which they are done, as they are done:
/// `for (auto& f : as_completed(futures)) use(f.result())`. `timeout` counts from this call; over it, the
/// step to the next future throws TimeoutError (SEMANTICS S4). One pass only.
template <std::ranges::input_range Range>
[[nodiscard]] auto as_completed(const Range& futures, std::chrono::milliseconds timeout = kForever) {
  using F = std::ranges::range_value_t<Range>;
  return AsCompleted<F>(std::vector<F>(std::ranges::begin(futures), std::ranges::end(futures)), timeout);
}

template <class F>
struct Waited {
  std::vector<F> done, not_done;
};

/// Waits until the first of `futures` is done, the first has ended in any other way than success (or all are
/// done), or all are done. When `timeout` is over it returns with how things stand; it does not throw
/// (SEMANTICS S4).
template <std::ranges::input_range Range>
[[nodiscard]] auto wait(const Range& futures, std::chrono::milliseconds timeout = kForever,
                        When when = When::all_completed) {
  using F = std::ranges::range_value_t<Range>;
  std::vector<F> all(std::ranges::begin(futures), std::ranges::end(futures));
  const std::vector<AnyFuture> untyped(all.begin(), all.end());
  std::vector<bool> is_done(all.size());
  for (const std::size_t index : detail::wait_for(untyped, timeout, when)) is_done[index] = true;
  Waited<F> out;
  for (std::size_t i = 0; i < all.size(); ++i)
    (is_done[i] ? out.done : out.not_done).push_back(std::move(all[i]));
  return out;
}

}  // namespace promised
