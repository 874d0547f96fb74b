// SPDX-License-Identifier: Apache-2.0
// Work in two passes, for who makes a page (or any value) of parts that are jobs: a handler asks for the
// parts by key, as if they were there. What is not there it promises, and puts something in its place.
// resolve() then drops what the handler made, has all that it promised run in parallel, and runs the handler
// again, now with the results at hand; until a run of the handler, a pass, promises nothing (SEMANTICS F,
// after collective.futures).
//
//   std::string page = promised::resolve(client, [&](promised::Pass& pass) {
//     const auto news = pass.result_or_submit<std::string>("news", "", "render.news", user);
//     const auto mail = pass.result_or_submit<std::string>("mail", "", "render.mail", user);
//     return news + mail;
//   }, promised::remember("page/" + user + "/", 10min));
//
// So a handler runs more than once: what it does to the world is rolled back by an on_abort hook, or done
// after resolve().
#pragma once

#include <promised/client.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace promised {

/// A key has no result yet: see the two below. Thrown out of a handler that has promised something, it is the
/// ordinary way to end a pass early.
class PROMISED_EXPORT FutureNotReady : public Error {
 public:
  FutureNotReady(std::string key, const std::string& message) : Error(message), key_(std::move(key)) {}
  [[nodiscard]] const std::string& key() const { return key_; }

 private:
  std::string key_;
};

/// Nobody has promised the key (SEMANTICS F1).
class PROMISED_EXPORT FutureNotSubmitted : public FutureNotReady {
 public:
  using FutureNotReady::FutureNotReady;
};

/// The key is promised, and its job has not run: it does when the pass is over (SEMANTICS F1).
class PROMISED_EXPORT FutureNotResolved : public FutureNotReady {
 public:
  FutureNotResolved(std::string key, std::string function, const std::string& message)
      : FutureNotReady(std::move(key), message), function_(std::move(function)) {}
  /// What is to run: there is no job yet.
  [[nodiscard]] const std::string& function() const { return function_; }

 private:
  std::string function_;
};

/// The key has its result already, and was not cleared (SEMANTICS F2).
class PROMISED_EXPORT FutureAlreadyResolved : public Error {
 public:
  FutureAlreadyResolved(std::string key, const std::string& message) : Error(message), key_(std::move(key)) {}
  [[nodiscard]] const std::string& key() const { return key_; }

 private:
  std::string key_;
};

/// After max_passes passes the handler still promised something (SEMANTICS F5).
class PROMISED_EXPORT TooManyPasses : public Error {
 public:
  TooManyPasses(std::vector<std::string> keys, const std::string& message)
      : Error(message), keys_(std::move(keys)) {}
  /// What the last pass promised, and was not run.
  [[nodiscard]] const std::vector<std::string>& keys() const { return keys_; }

 private:
  std::vector<std::string> keys_;
};

/// What becomes of jobs that resolve() does not wait for any longer.
enum class Unfinished : std::uint8_t {
  leave,  ///< they go on
  cancel  ///< those without a name are cancelled; one that is remembered may be waited for by others too
};

/// How resolve() goes about it: a value that can be kept and reused. Every setter returns the options
/// themselves.
class ResolveOptions {
 public:
  /// The name that the future of a key is remembered under; empty: none.
  using NameOf = std::function<std::string(std::string_view key)>;

  /// The future of each key is remembered under `prefix` and the key, and kept for `lifespan` after its end
  /// (none: the daemon's default). A key whose name is there is not run: it joins the job that has the name,
  /// or gets its result (SEMANTICS F8, R3 attach). So processes and later calls share one run; a failure is
  /// remembered like a value. The name must say all that the result depends on. Names belong to their user
  /// (SEMANTICS R10).
  ResolveOptions& remember(std::string prefix, std::optional<std::chrono::milliseconds> lifespan = {}) {
    return remember([p = std::move(prefix)](std::string_view key) { return p + std::string(key); }, lifespan);
  }
  /// The same with a name for each key.
  ResolveOptions& remember(NameOf name_of, std::optional<std::chrono::milliseconds> lifespan = {}) {
    name_of_ = std::move(name_of);
    lifespan_ = lifespan;
    return *this;
  }
  /// The options of every promise that is given none of its own.
  ResolveOptions& options(Options options) {
    options_ = std::move(options);
    return *this;
  }
  /// The longest wait for jobs, all passes together, nested ones too. The handler itself is not interrupted.
  ResolveOptions& timeout(std::chrono::milliseconds t) {
    timeout_ = t;
    return *this;
  }
  /// How many times the handler may run: at least 1 (SEMANTICS F5).
  ResolveOptions& max_passes(int n) {
    max_passes_ = n;
    return *this;
  }
  /// For jobs that have not ended when the timeout is over, or a placeholder is published.
  ResolveOptions& unfinished(Unfinished u) {
    unfinished_ = u;
    return *this;
  }

  [[nodiscard]] const NameOf& name_of() const { return name_of_; }
  [[nodiscard]] std::optional<std::chrono::milliseconds> lifespan() const { return lifespan_; }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] std::chrono::milliseconds timeout() const { return timeout_; }
  [[nodiscard]] int max_passes() const { return max_passes_; }
  [[nodiscard]] Unfinished unfinished() const { return unfinished_; }

 private:
  NameOf name_of_;
  std::optional<std::chrono::milliseconds> lifespan_;
  Options options_;
  std::chrono::milliseconds timeout_ = kForever;
  int max_passes_ = 8;
  Unfinished unfinished_ = Unfinished::leave;
};

/// ResolveOptions::remember in one word: `resolve(client, handler, remember("page/", 10min))`.
[[nodiscard]] inline ResolveOptions remember(std::string prefix,
                                             std::optional<std::chrono::milliseconds> lifespan = {}) {
  return std::move(ResolveOptions().remember(std::move(prefix), lifespan));
}
[[nodiscard]] inline ResolveOptions remember(ResolveOptions::NameOf name_of,
                                             std::optional<std::chrono::milliseconds> lifespan = {}) {
  return std::move(ResolveOptions().remember(std::move(name_of), lifespan));
}

namespace detail {
struct PassState;
class Passes;
}  // namespace detail

/// One run of the handler, as the handler sees it: the results of earlier passes, by key, and what this one
/// promises. Valid until the handler returns; for one thread at a time.
class PROMISED_EXPORT Pass {
 public:
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  /// Counts from 1.
  [[nodiscard]] int number() const;
  /// Whether the key has its result, a failure included.
  [[nodiscard]] bool is_resolved(std::string_view key) const;
  /// Whether the key is promised, here or by an outer pass, and has not run.
  [[nodiscard]] bool is_promised(std::string_view key) const;

  /// The result of the key. Throws FutureNotSubmitted if nobody promised it, FutureNotResolved if it is
  /// promised and has not run; what Future::result does if its job came to no value, such as JobFailed,
  /// CancelledError or RefusedError (SEMANTICS F7); Mismatch, which names the key, if it is not an R
  /// (SEMANTICS F1).
  template <class R = Value>
  [[nodiscard]] R result(std::string_view key) const {
    return typed<R>(key, resolved(key));
  }
  /// The same with `otherwise` for a key that has no result yet. A failure is thrown nevertheless.
  template <class R = Value>
  [[nodiscard]] R result(std::string_view key, std::type_identity_t<R> otherwise) const {
    return is_resolved(key) ? result<R>(key) : std::move(otherwise);
  }

  /// Promises: `function(arguments…)` runs when this pass is over, and the next one has its result under
  /// `key`. What was promised under it before, and has not run, is replaced. Throws FutureAlreadyResolved if
  /// the key has its result (SEMANTICS F2), and RefusedError for arguments nested too deep.
  template <class... A>
  void submit(std::string_view key, std::string_view function, A&&... arguments) {
    submit_arguments(key, std::nullopt, function, listed(std::forward<A>(arguments)...));
  }
  /// The same with options of its own. A name in them is used as it stands, with its way with duplicates.
  template <class... A>
  void submit(std::string_view key, const Options& options, std::string_view function, A&&... arguments) {
    submit_arguments(key, options, function, listed(std::forward<A>(arguments)...));
  }
  /// The same with arguments that are values already; no options: those of resolve().
  void submit_arguments(std::string_view key, std::optional<Options> options, std::string_view function,
                        Arguments arguments);

  /// The result of the key if it has one, as result() gives it; else promises it, as submit() does, and
  /// returns `placeholder` (SEMANTICS F3).
  template <class R, class... A>
  R result_or_submit(std::string_view key, std::type_identity_t<R> placeholder, std::string_view function,
                     A&&... arguments) {
    if (is_resolved(key)) return result<R>(key);
    submit(key, function, std::forward<A>(arguments)...);
    return placeholder;
  }
  template <class R, class... A>
  R result_or_submit(std::string_view key, std::type_identity_t<R> placeholder, const Options& options,
                     std::string_view function, A&&... arguments) {
    if (is_resolved(key)) return result<R>(key);
    submit(key, options, function, std::forward<A>(arguments)...);
    return placeholder;
  }

  // Each says whether there was one (SEMANTICS F4).
  /// Takes back a promise that has not run, an outer pass's too: it will not.
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  bool cancel(std::string_view key);
  /// Takes back a result, so that the key may be promised again. If it then is, under a name, the name is
  /// first taken from the job whose result this was, so that the promise runs anew; of several who do that at
  /// the same time one runs, and the others join it.
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  bool clear(std::string_view key);
  /// Either.
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  bool reset(std::string_view key);

  /// Has `hook` run if this pass is dropped: because it promised something, or the handler threw. Hooks run
  /// in the reverse order of their registration, after what the handler returned is gone and before anything
  /// that it promised runs; all of them, also when one throws. An exception of a hook ends resolve(), for
  /// nothing may run on what was not rolled back; further ones, and those while an exception of the handler
  /// is under way, are logged (SEMANTICS F5).
  void on_abort(std::function<void()> hook);

  /// What the handler returns from this pass is good enough (SEMANTICS F5): unless all that it promised ends
  /// within `patience`, resolve() returns it, with its placeholders, and no hook runs. Promises under a name
  /// go on, for who asks next. Those without one, which nobody could ask for, are as
  /// ResolveOptions::unfinished says, and with a patience of zero not even submitted.
  void publish_placeholder(std::chrono::milliseconds patience = std::chrono::milliseconds(0));

 private:
  friend class detail::Passes;
  explicit Pass(detail::PassState& state) : state_(state) {}
  ~Pass() = default;

  template <class... A>
  [[nodiscard]] static Arguments listed(A&&... arguments) {
    Arguments all;
    all.positional.reserve(sizeof...(A));
    (all.positional.push_back(to_value(std::forward<A>(arguments))), ...);
    return all;
  }
  /// Throws what result() says.
  [[nodiscard]] AnyFuture resolved(std::string_view key) const;
  [[nodiscard]] static std::string place(std::string_view key, const AnyFuture& future);

  template <class R>
  [[nodiscard]] static R typed(std::string_view key, const AnyFuture& future) {
    Value v = future.value();
    if constexpr (!std::is_void_v<R>) {
      try {
        return from_value<R>(std::move(v));
      } catch (const Mismatch& m) {
        throw m.within(place(key, future));
      }
    }
  }

  detail::PassState& state_;
};

namespace detail {

using RunHandler = std::function<void(Pass&)>;
using DropValue = std::function<void()>;
PROMISED_EXPORT void run_passes(Client& client, const ResolveOptions& options, const RunHandler& run,
                                const DropValue& drop);
/// Null: the options of `outer`.
PROMISED_EXPORT void run_passes(Pass& outer, const ResolveOptions* options, const RunHandler& run,
                                const DropValue& drop);

/// What the last pass returns; `all` runs them.
template <class Handler, class All>
auto value_of_passes(Handler& handler, All&& all) {
  using R = std::remove_cvref_t<std::invoke_result_t<Handler&, Pass&>>;
  if constexpr (std::is_void_v<R>) {
    all([&](Pass& pass) { std::invoke(handler, pass); }, [] {});
  } else {
    std::optional<R> value;
    all([&](Pass& pass) { value.emplace(std::invoke(handler, pass)); }, [&] { value.reset(); });
    return R(*std::move(value));
  }
}

}  // namespace detail

/// Runs `handler(Pass&)` in passes and returns what the last of them returned, by value (SEMANTICS F5). What
/// a pass promised is submitted together, when it is over, and runs in parallel; a promise that was taken
/// back is not submitted. A promise that comes to no value, because its job fails, is cancelled, expires or
/// is refused, is resolved by that, and logged through ClientOptions::log (SEMANTICS F7).
///
/// What the handler throws ends it, after the hooks, and nothing that this pass promised runs; but a
/// FutureNotReady out of a pass that promised something only ends the pass.
///
/// Called while another handler runs on this thread, it sees the results of that one's passes, and what it
/// resolves they will see (SEMANTICS F6); the timeout of the outer one holds for it too.
///
/// Throws, beside that: TooManyPasses; TimeoutError, which names the keys, when the timeout is over;
/// DisconnectedError when the daemon has been gone for longer than connect_timeout; Error when the client is
/// closed or max_passes is not above 0; what a hook threw.
///
/// One client serves any number of these at the same time, each on a thread of its own.
template <class Handler>
requires std::invocable<Handler&, Pass&>
auto resolve(Client& client, Handler&& handler, const ResolveOptions& options = {}) {
  return detail::value_of_passes(
      handler, [&](const auto& run, const auto& drop) { detail::run_passes(client, options, run, drop); });
}

/// The same within `outer`, whichever thread this is, with its client and, if none are given, its options
/// (SEMANTICS F6).
template <class Handler>
requires std::invocable<Handler&, Pass&>
auto resolve(Pass& outer, Handler&& handler) {
  return detail::value_of_passes(
      handler, [&](const auto& run, const auto& drop) { detail::run_passes(outer, nullptr, run, drop); });
}
template <class Handler>
requires std::invocable<Handler&, Pass&>
auto resolve(Pass& outer, Handler&& handler, const ResolveOptions& options) {
  return detail::value_of_passes(
      handler, [&](const auto& run, const auto& drop) { detail::run_passes(outer, &options, run, drop); });
}

}  // namespace promised
