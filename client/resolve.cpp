// SPDX-License-Identifier: Apache-2.0
// The passes of a handler.
#include <promised/resolve.hpp>

#include <algorithm>
#include <exception>
#include <utility>

#include "client/client_access.hpp"
#include "client/pass_state.hpp"
#include "client/round.hpp"
#include "client/session.hpp"
#include "client/wait_word.hpp"

namespace promised::detail {
namespace {

/// The innermost pass whose handler runs on this thread: a resolve that is called there is nested in it
/// without being told (SEMANTICS F6).
thread_local const PassState* current = nullptr;

class Current {
 public:
  explicit Current(const PassState& state) : before_(std::exchange(current, &state)) {}
  ~Current() { current = before_; }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  const PassState* before_;
};

std::string what_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "something that is no std::exception";
  }
}

}  // namespace

/// One resolve.
class Passes {
 public:
  Passes(Client& client, const ResolveOptions& options, const PassState* outer, const RunHandler& handler,
         const DropValue& drop)
      : client_(client),
        options_(options),
        session_(ClientAccess::session(client)),
        handler_(handler),
        drop_(drop),
        keys_(outer != nullptr ? outer->keys : own_keys_),
        limit_{deadline_after(options.timeout()), options.timeout()} {
    if (outer != nullptr && outer->limit.deadline < limit_.deadline) limit_ = outer->limit;
    if (options.max_passes() < 1) {
      throw Error("max_passes: expected at least 1, found " + std::to_string(options.max_passes()));
    }
  }

  void run() {
    for (int number = 1;; ++number) {
      PassState state{client_, options_, keys_, this, limit_, number};
      if (is_last(state)) return;
    }
  }

  [[nodiscard]] static const PassState& state_of(const Pass& pass) { return pass.state_; }

 private:
  enum class Left : std::uint8_t { by_return, by_missing_future };

  /// Whether this pass's value is what resolve() returns.
  [[nodiscard]] bool is_last(PassState& state) {
    const Left left = handle(state);
    if (!keys_.has_promises(this)) return true;
    if (state.placeholder_patience && left == Left::by_return) return is_published(state);
    if (state.number == options_.max_passes()) throw_too_many(state);
    abort(state);
    Round round(client_, keys_.take(this));
    if (!round.wait(limit_.deadline)) throw_timeout(round);
    round.hand_over(keys_);
    return false;
  }

  [[nodiscard]] Left handle(PassState& state) {
    try {
      const Current nested(state);
      Pass pass(state);
      handler_(pass);
      return Left::by_return;
    } catch (const FutureNotReady&) {
      if (keys_.has_promises(this)) return Left::by_missing_future;
      roll_back(state);
      throw;
    } catch (...) {
      roll_back(state);
      throw;
    }
  }

  [[nodiscard]] bool is_published(PassState& state) {
    const std::chrono::milliseconds patience = *state.placeholder_patience;
    std::vector<Promise> promises = keys_.take(this);
    const bool at_once = patience <= std::chrono::milliseconds(0);
    if (at_once) std::erase_if(promises, [](const Promise& p) { return p.options.name().empty(); });
    try {
      Round round(client_, std::move(promises));
      if (at_once) return true;
      if (!round.wait(std::min(limit_.deadline, deadline_after(patience)))) {
        round.give_up(options_.unfinished());
        return true;
      }
      if (state.number == options_.max_passes()) return true;
      round.hand_over(keys_);
    } catch (...) {
      roll_back(state);
      throw;
    }
    abort(state);
    return false;
  }

  /// Drops the value and runs the hooks. The exceptions that they threw, in the order of throwing.
  [[nodiscard]] std::vector<std::exception_ptr> run_hooks(PassState& state) {
    drop_();
    std::vector<std::exception_ptr> thrown;
    while (!state.hooks.empty()) {
      const std::function<void()> hook = std::move(state.hooks.back());
      state.hooks.pop_back();
      try {
        hook();
      } catch (...) {
        thrown.push_back(std::current_exception());
      }
    }
    return thrown;
  }

  void log_hook(const std::exception_ptr& exception) const {
    session_.log("an on_abort hook threw: " + what_of(exception));
  }

  /// The pass is over and another one follows.
  void abort(PassState& state) {
    const std::vector<std::exception_ptr> thrown = run_hooks(state);
    if (thrown.empty()) return;
    static_cast<void>(keys_.take(this));
    for (std::size_t i = 1; i < thrown.size(); ++i) log_hook(thrown[i]);
    std::rethrow_exception(thrown.front());
  }

  /// An exception is on its way, and nothing of this pass is to be left.
  void roll_back(PassState& state) {
    static_cast<void>(keys_.take(this));
    for (const std::exception_ptr& exception : run_hooks(state)) log_hook(exception);
  }

  [[noreturn]] void throw_too_many(PassState& state) {
    std::vector<std::string> keys;
    std::vector<std::string> entries;
    for (Promise& promise : keys_.take(this)) {
      entries.push_back("\"" + promise.key + "\" (" + promise.function + ")");
      keys.push_back(std::move(promise.key));
    }
    roll_back(state);
    throw TooManyPasses(std::move(keys),
                        "the handler still promised something in pass " + std::to_string(state.number) +
                            ", the last that max_passes allows: " + listed(entries) +
                            "; does it ask for each result under the key that it was promised under?");
  }

  [[noreturn]] void throw_timeout(Round& round) {
    const bool cancel = options_.unfinished() == Unfinished::cancel;
    std::string text = round.unfinished_text(limit_.timeout);
    text += "; " + (cancel ? "those without a name are cancelled" : round.what_becomes());
    round.give_up(options_.unfinished());
    throw TimeoutError(text);
  }

  Client& client_;
  const ResolveOptions& options_;
  Session& session_;
  const RunHandler& handler_;
  const DropValue& drop_;
  Keys own_keys_;
  Keys& keys_;  ///< the outermost resolve's
  TimeLimit limit_;
};

void run_passes(Client& client, const ResolveOptions& options, const RunHandler& run, const DropValue& drop) {
  Passes(client, options, current, run, drop).run();
}

void run_passes(Pass& outer, const ResolveOptions* options, const RunHandler& run, const DropValue& drop) {
  const PassState& state = Passes::state_of(outer);
  Passes(state.client, options != nullptr ? *options : state.options, &state, run, drop).run();
}

}  // namespace promised::detail
