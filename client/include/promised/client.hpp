// SPDX-License-Identifier: Apache-2.0
// An application's connection to its daemon: submit promises, find futures, look and steer. One client serves
// all threads of a process. It connects and reconnects by itself, in the background: what was not accepted is
// submitted again under the same id, and every future still held is watched again (SEMANTICS S7).
#pragma once

#include <promised/calls.hpp>
#include <promised/convert.hpp>
#ifdef __cpp_impl_coroutine
#include <promised/coroutine.hpp>
#endif
#include <promised/error.hpp>
#include <promised/events.hpp>
#include <promised/export.hpp>
#include <promised/future.hpp>
#include <promised/futures.hpp>
#include <promised/map.hpp>
#include <promised/outcome.hpp>
#include <promised/types.hpp>
#include <promised/value.hpp>
#include <promised/views.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace promised {

namespace detail {
struct ClientAccess;
}  // namespace detail

struct ClientOptions {
  /// ipc:// and the absolute path of the daemon's socket, such as ipc:///run/promised/promised.sock. Empty:
  /// default_endpoint().
  std::string endpoint = {};
  /// How long a daemon may be gone, or not be there yet, before waits throw DisconnectedError.
  std::chrono::milliseconds connect_timeout{5'000};
  /// The same for as long as nobody has listened at the endpoint since this client was made. Empty:
  /// connect_timeout. A tool that somebody waits for gives up sooner; a service may start before its daemon.
  std::optional<std::chrono::milliseconds> absent_timeout = {};
  /// How long the destructor waits for the acceptance of what was submitted (SEMANTICS S1).
  std::chrono::milliseconds close_timeout{5'000};
  /// The outcomes of unnamed jobs are left with the daemon when they have arrived here: it keeps them, for
  /// its keep_unfetched, for whoever asks by id. For programs that submit and go. No more than 65,536 of them
  /// arrive here. Otherwise an unnamed outcome is dropped when its submitter has it (SEMANTICS R8).
  bool leave_outcomes = false;
  /// What this program is called, for people who look at the protocol. Empty: the program's own name.
  std::string program = {};
  /// Told what nobody was there to be told: submissions that were lost or refused and never looked at,
  /// exceptions from callbacks. May be called from any thread, and must not call this client. Empty: a line
  /// on stderr.
  std::function<void(std::string_view)> log = {};
};

/// $PROMISED_ENDPOINT, else the system's daemon (ipc:///run/promised/promised.sock) if its folder exists,
/// which it does while that one restarts too, else the user's own: promised/promised.sock in
/// $XDG_RUNTIME_DIR; that unset, in /run/user/UID if it exists; else /tmp/promised-UID/promised.sock. A
/// system's folder that no daemon has used yet does not win over the user's own daemon if that is there.
[[nodiscard]] PROMISED_EXPORT std::string default_endpoint();

/// A job by its id, or the future that the caller remembers under a name.
class JobKey {
 public:
  JobKey(const JobId& id) : id_(id) {}  // NOLINT(google-explicit-constructor): `cancel(id)`
  JobKey(std::string name)
      : name_(std::move(name)) {}                 // NOLINT(google-explicit-constructor): `cancel("name")`
  JobKey(std::string_view name) : name_(name) {}  // NOLINT(google-explicit-constructor)
  JobKey(const char* name) : name_(name) {}       // NOLINT(google-explicit-constructor)

  /// Empty: it is a name.
  [[nodiscard]] const JobId& id() const { return id_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  JobId id_;
  std::string name_;
};

/// Which jobs to list; all conditions must hold. By default all that the caller may see.
struct JobFilter {
  std::vector<State> states = {};  ///< empty: any
  std::string function = {};       ///< a glob; empty: any
  std::string queue = {};          ///< empty: any
  std::string name_prefix = {};    ///< of the remembered name; empty: any
  bool remembered = false;         ///< only jobs that have a name
  std::uint32_t most = 0;          ///< jobs in a page; 0: 100
  JobId after = {};                ///< the last id of the page before; empty: the first page
};

struct JobPage {
  std::vector<JobView> jobs;
  bool more = false;  ///< ask again with `after` = jobs.back().id
};

/// A submission that was not accepted: not answered in time, or refused and never looked at.
struct Unaccepted {
  JobId id;
  std::string function;
  std::string reason;
};

/// Whether shutdown() waits for the end of what was submitted.
enum class Shutdown : std::uint8_t { wait, leave };
/// What shutdown() does with jobs that have not begun.
enum class NotBegun : std::uint8_t { run, cancel };

class PROMISED_EXPORT Client {
 public:
  /// Starts to connect and returns at once: without a daemon, the first wait throws DisconnectedError within
  /// connect_timeout. Throws Error when the endpoint, wherever it comes from, is not one.
  Client();
  explicit Client(ClientOptions options);
  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  /// close(close_timeout), and logs what it returns and was not logged before.
  ~Client();

  /// Waits until the daemon has answered this client, for who wants to know that before asking it for
  /// anything. Throws DisconnectedError when it has not within `timeout` or connect_timeout, RefusedError
  /// when it does not want this client. No other call needs this first.
  void reach(std::chrono::milliseconds timeout = kAnswerTimeout) const;

  /// Hands the call to the daemon and returns at once (SEMANTICS S1). What stops it is thrown by the future,
  /// except Mismatch for arguments nested too deep, DisconnectedError when the daemon has been gone for
  /// longer than connect_timeout, and Error after close() or fork().
  template <class R = Value, class... A>
  Future<R> submit(std::string_view function, A&&... arguments) {
    return submit<R>(Options(), function, std::forward<A>(arguments)...);
  }
  template <class R = Value, class... A>
  Future<R> submit(const Options& options, std::string_view function, A&&... arguments) {
    return Future<R>(
        submit_arguments(options, function, detail::arguments_of(std::forward<A>(arguments)...)));
  }
  /// The same for a call that was made before; of a composite, all that belongs to it is accepted as a whole
  /// or not at all (SEMANTICS C4): `client.submit<std::vector<Outcome>>(parallel(call("f", 1), call("f",
  /// 2)))`. Members take the composite's durability; a name is the composite's alone.
  template <class R = Value>
  Future<R> submit(const Call& call) {
    return Future<R>(submit_call(call));
  }
  /// The same with arguments that are values already.
  AnyFuture submit_arguments(const Options& options, std::string_view function, const Arguments& arguments);
  AnyFuture submit_call(const Call& call);

  /// Calls `function` with each element of a range, or with those of several in step, as far as the shortest
  /// (SEMANTICS S4): `for (auto& n : client.map<int>("length", words)) sum += n`. The first calls are
  /// submitted at once, the others as results are taken: see Mapped, and MapOptions::chunk for the bound.
  /// Ranges that are lvalues have to outlive what is returned.
  template <class R = Value, std::ranges::input_range... Ranges>
  [[nodiscard]] Mapped<R> map(std::string_view function, Ranges&&... ranges) {
    return map<R>(MapOptions(), function, std::forward<Ranges>(ranges)...);
  }
  template <class R = Value, std::ranges::input_range... Ranges>
  [[nodiscard]] Mapped<R> map(MapOptions options, std::string_view function, Ranges&&... ranges) {
    static_assert(sizeof...(Ranges) > 0, "a map needs a range to go over");
    return Mapped<R>(start_map(std::move(options), std::string(function),
                               detail::zip<Ranges...>(std::forward<Ranges>(ranges)...)));
  }

  /// The remembered futures, as a map from their names: see Futures (SEMANTICS R5).
  [[nodiscard]] Futures futures(FuturesFilter filter = {}) const;

  /// The future that the caller remembers under a name, or of the job with an id. Returns at once; a name or
  /// id that is not known is a NoSuchFuture from the future's calls.
  template <class R = Value>
  [[nodiscard]] Future<R> future(const JobKey& key) {
    return Future<R>(watch(key));
  }

  /// Cancels; false if that had no effect because the job has ended (SEMANTICS X2).
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  bool cancel(const JobKey& key, std::chrono::milliseconds timeout = kAnswerTimeout);
  /// The same, saying how and why: see AnyFuture::cancel.
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  bool cancel(const JobKey& key, const CancelOptions& how,
              std::chrono::milliseconds timeout = kAnswerTimeout);
  /// Has a job that has failed run again, as a further attempt, at the end of its queue (SEMANTICS A3); false
  /// if it has not failed. Its crashes are counted anew; its outcome is what the new attempt comes to, for
  /// everybody who asks from now on. Who has submitted it may, and administrators. RefusedError with the code
  /// "arguments_gone": those of a job that lived in memory alone are kept only while it is quarantined.
  /// Where the daemon's answer was lost and the client asked again, it may say false of a job that does run
  /// again.
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  bool retry(const JobKey& key, std::chrono::milliseconds timeout = kAnswerTimeout);
  /// Removes the name (of an id: the job's name), and says whether there was one; the job goes on (SEMANTICS
  /// R4). Where the daemon's answer was lost and the client asked again, a name that is forgotten by then was
  /// there; of an id it cannot know, and says false.
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  bool forget(const JobKey& key, std::chrono::milliseconds timeout = kAnswerTimeout);
  /// Keeps the job's future under `name` (SEMANTICS R1): see Future::remember.
  void remember(const JobId& id, std::string_view name,
                std::optional<std::chrono::milliseconds> lifespan = {},
                Duplicate duplicate = Duplicate::raise, std::chrono::milliseconds timeout = kAnswerTimeout);

  [[nodiscard]] StatusView status(std::chrono::milliseconds timeout = kAnswerTimeout);
  /// One page, newest first: in the falling order of the ids.
  [[nodiscard]] JobPage jobs(const JobFilter& filter = {},
                             std::chrono::milliseconds timeout = kAnswerTimeout);
  [[nodiscard]] JobView show(const JobKey& key, std::chrono::milliseconds timeout = kAnswerTimeout);
  /// The one job whose id begins with `prefix` as it is written; RefusedError when there are several.
  [[nodiscard]] JobView show_prefix(std::string_view prefix,
                                    std::chrono::milliseconds timeout = kAnswerTimeout);
  /// The caller's newest job.
  [[nodiscard]] JobView show_last(std::chrono::milliseconds timeout = kAnswerTimeout);

  /// What happens to jobs from now on, as it comes (SEMANTICS C9): a user's own jobs, all for
  /// administrators. `for (const JobEvent& event : client.events({.function = "report.*"}))`. Waits until the
  /// daemon has answered, from when on nothing is missed: throws RefusedError with the code "not_permitted"
  /// (for the owner that the filter has) or "limit", TimeoutError and DisconnectedError. `timeout` is the
  /// longest wait for one event.
  [[nodiscard]] Events events(const EventFilter& filter = {},
                              std::chrono::milliseconds timeout = kForever) const;

  /// Has the store checked, backed up or compacted, while the daemon goes on with its work: for
  /// administrators (docs/promisectl.md, "store"). Waits for as long as the daemon is at it. It is done once,
  /// whatever happens to the connection; who stops waiting (TimeoutError) does not stop the daemon.
  /// RefusedError with the code "busy" (one of them is under way), "store" (it cannot be done: the message
  /// says why), "interrupted" (the daemon was stopped, or went, before it was done) or "not_permitted".
  /// Damage that was found is no error: it is in the report.
  [[nodiscard]] StoreReport check_store(std::chrono::milliseconds timeout = kForever);
  /// `directory`: a directory to be made by the daemon, as an absolute path; empty: the daemon chooses one in
  /// its state directory.
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  StoreReport back_up_store(std::string_view directory = {}, std::chrono::milliseconds timeout = kForever);
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  StoreReport compact_store(std::chrono::milliseconds timeout = kForever);
  /// Has the daemon read its configuration anew: for administrators (SEMANTICS E6). Tells what has changed;
  /// pools follow. RefusedError with the code "config" (what is wrong with it, with file and line: nothing
  /// has changed) or "not_permitted".
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  ReloadReport reload(std::chrono::milliseconds timeout = kAnswerTimeout);
  /// Why the job is not running yet, or how it stands if it is not waiting (SEMANTICS M3): as the scheduler
  /// knows it in this moment.
  [[nodiscard]] Explanation explain(const JobKey& key, std::chrono::milliseconds timeout = kAnswerTimeout);

  /// Has a queue paused, drained or served in another way from now on (SEMANTICS Q2); how many jobs wait in
  /// it. When it returns that is on disk. This and the next three are for administrators, RefusedError with
  /// the code "not_permitted" for others.
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  std::uint64_t steer_queue(std::string_view queue, const QueueChange& change,
                            std::chrono::milliseconds timeout = kAnswerTimeout);
  /// Cancels all jobs that wait in a queue, in memory or on disk, and returns how many: those that have begun
  /// go on. It is not asked twice: RefusedError with the code "interrupted" tells that the daemon went before
  /// it had answered. The queue may be cleared in part then, or not: ask again.
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  std::uint64_t clear_queue(std::string_view queue, std::chrono::milliseconds timeout = kForever);
  /// Gives a quota another size, or makes one (SEMANTICS Q4); how many running jobs hold it. Where those are
  /// more than `size` they end, and no others begin before.
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  std::uint64_t set_quota(std::string_view name, std::uint64_t size,
                          std::chrono::milliseconds timeout = kAnswerTimeout);
  /// A quota that is removed does not bind any more; naming it in a submission is an error. RefusedError with
  /// the code "no_quota" where there is none.
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  std::uint64_t remove_quota(std::string_view name, std::chrono::milliseconds timeout = kAnswerTimeout);

  /// From now on submitting throws Error (SEMANTICS S4). Has what was submitted here and has not begun
  /// cancelled, if `rest` says so; then waits for the end of all the rest, and disconnects, or, where `how`
  /// is leave, returns at once: its futures go on until close(). Throws TimeoutError when `timeout` is over,
  /// and DisconnectedError; both leave it as after leave. Jobs with Options::abandon that have not ended at
  /// close() are cancelled then.
  void shutdown(Shutdown how = Shutdown::wait, NotBegun rest = NotBegun::run,
                std::chrono::milliseconds timeout = kForever);

  /// Waits up to `timeout` (none: close_timeout) until everything submitted is accepted, then disconnects.
  /// Returns what was not accepted. Afterwards unfinished futures throw DisconnectedError, and every call
  /// here but close() Error.
  std::vector<Unaccepted> close(std::optional<std::chrono::milliseconds> timeout = {});

  /// The endpoint that it was resolved to.
  [[nodiscard]] const std::string& endpoint() const;
  /// SEMANTICS S5: jobs do not run on threads of this process, but in processes of their own.
  [[nodiscard]] static constexpr bool multithread() { return false; }
  [[nodiscard]] static constexpr bool multiprocess() { return true; }

 private:
  friend struct detail::ClientAccess;
  [[nodiscard]] AnyFuture watch(const JobKey& key);
  [[nodiscard]] detail::MapRun start_map(MapOptions options, std::string function,
                                         std::function<bool(Arguments&)> source);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace promised
