// SPDX-License-Identifier: Apache-2.0
#include <promised/future.hpp>

#include <exception>
#include <utility>
#include <variant>

#include "client/call.hpp"
#include "client/future_state.hpp"
#include "client/session.hpp"
#include "client/steering.hpp"
#include "client/submission.hpp"
#include "common/wire/client_codec.hpp"
#include "common/wire/value_codec.hpp"

namespace promised {
namespace detail {

FutureState& FutureAccess::state(const AnyFuture& future) {
  if (future.state_ == nullptr)
    throw Error("this future is empty: it was moved from, or never came from a client");
  return *future.state_;
}

}  // namespace detail

namespace detail {

bool settle(const AnyFuture& future, std::function<void(std::exception_ptr)> f) {
  const Ref<FutureState> state(&FutureAccess::state(future));
  auto shared = std::make_shared<const std::function<void(std::exception_ptr)>>(std::move(f));
  const void* const owner = shared.get();
  const bool later = state->add_observer(
      owner,
      [s = state.get(), shared] {
        std::exception_ptr gone;
        if (!s->is_done()) {
          try {
            s->session().check_alive();
          } catch (...) {
            gone = std::current_exception();
          }
        }
        s->session().notify([shared, gone, keep = Ref<FutureState>(s)] {
          try {
            (*shared)(gone);
          } catch (const std::exception& e) {
            keep->session().log("a coroutine that waited for " + keep->subject() + " threw: " + e.what());
          } catch (...) {
            keep->session().log("a coroutine that waited for " + keep->subject() +
                                " threw something that is no std::exception");
          }
        });
      },
      FutureState::Tell::end_or_outage);
  if (!later) return false;
  try {
    state->session().check_alive();
  } catch (...) {
    // Unless it is on its way to being called.
    if (state->remove_observer(owner)) throw;
  }
  return true;
}

}  // namespace detail

namespace {

using detail::FutureAccess;
using detail::FutureState;
using detail::Trouble;

[[noreturn]] void throw_timeout(const FutureState& state, const char* what,
                                std::chrono::milliseconds timeout) {
  throw TimeoutError(state.subject() + what + detail::duration_text(timeout) + "; " + state.what_becomes());
}

/// The state once it is done.
FutureState& ended(const AnyFuture& future, std::chrono::milliseconds timeout) {
  FutureState& state = FutureAccess::state(future);
  if (!state.await_end(detail::deadline_after(timeout)))
    throw_timeout(state, " has not ended within ", timeout);
  if (state.trouble() != nullptr) state.seen();
  return state;
}

void run_callback(const std::function<void(const AnyFuture&)>& f, const AnyFuture& future) {
  const detail::Session& session = FutureAccess::state(future).session();
  try {
    f(future);
  } catch (const std::exception& e) {
    session.log("a callback of " + FutureAccess::state(future).subject() + " threw: " + e.what());
  } catch (...) {
    session.log("a callback of " + FutureAccess::state(future).subject() +
                " threw something that is no std::exception");
  }
}

message::KnownOutcome outcome_of(const FutureState& state) {
  message::KnownOutcome outcome;
  outcome.function = state.function();
  outcome.durability = state.durability();
  if (state.told() != nullptr) outcome.told = *state.told();
  if (const Trouble* const trouble = state.trouble()) {
    outcome.state = trouble->state;
    outcome.failure = trouble->failure;
    outcome.reason = trouble->reason;
  }
  return outcome;
}

}  // namespace

AnyFuture::AnyFuture() noexcept = default;
AnyFuture::AnyFuture(detail::FutureState* adopted) noexcept : state_(adopted) {}
AnyFuture::AnyFuture(const AnyFuture& other) noexcept : state_(other.state_) {
  if (state_ != nullptr) state_->retain();
}
AnyFuture::AnyFuture(AnyFuture&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
AnyFuture& AnyFuture::operator=(const AnyFuture& other) noexcept {
  AnyFuture copy(other);
  std::swap(state_, copy.state_);
  return *this;
}
AnyFuture& AnyFuture::operator=(AnyFuture&& other) noexcept {
  AnyFuture taken(std::move(other));
  std::swap(state_, taken.state_);
  return *this;
}
AnyFuture::~AnyFuture() {
  if (state_ != nullptr) state_->release();
}

bool AnyFuture::valid() const noexcept {
  return state_ != nullptr;
}
JobId AnyFuture::id() const {
  return FutureAccess::state(*this).id();
}
bool AnyFuture::done() const {
  return FutureAccess::state(*this).is_done();
}

bool AnyFuture::cancelled() const {
  const FutureState& state = FutureAccess::state(*this);
  if (!state.is_done()) return false;
  const Trouble* const trouble = state.trouble();
  return trouble != nullptr && trouble->kind == Trouble::Kind::ended && trouble->state == State::cancelled;
}

void AnyFuture::accepted(std::chrono::milliseconds timeout) const {
  FutureState& state = FutureAccess::state(*this);
  if (!state.await_acceptance(detail::deadline_after(timeout))) {
    const std::string within = " within " + detail::duration_text(timeout);
    if (state.origin() != FutureState::Origin::submitted)
      throw TimeoutError(state.subject() + ": the daemon has not answered" + within);
    throw TimeoutError(state.subject() + " has not been accepted" + within +
                       (state.is_postponed() ? ": " + state.why_not_accepted() : ""));
  }
  if (state.is_accepted()) return;
  state.seen();
  detail::throw_trouble(*state.trouble(), state.subject());
}

bool AnyFuture::wait(std::chrono::milliseconds timeout) const {
  return FutureAccess::state(*this).await_end(detail::deadline_after(timeout));
}

Value AnyFuture::value(std::chrono::milliseconds timeout) const {
  const FutureState& state = ended(*this, timeout);
  if (const Trouble* const trouble = state.trouble()) detail::throw_trouble(*trouble, state.subject());
  if (state.result().empty()) return {};
  Result<Value> value = wire::decode_value(state.result().view());
  if (!value) {
    throw Error(result_place() + " is no value (" + value.problem().message +
                "): is its worker of another version of promised?");
  }
  return std::move(*value);
}

Value AnyFuture::take_value(std::chrono::milliseconds timeout) const {
  const FutureState& state = ended(*this, timeout);
  const Trouble* const trouble = state.trouble();
  if (trouble == nullptr || trouble->kind == Trouble::Kind::ended) {
    message::Request request;
    request.body = message::Watch{{id(), {}}, true, false};
    const std::string what = "taking " + result_place();
    // What comes is what is here already: what counts is that it came to this one.
    const message::Reply reply = state.session().call(std::move(request), {}, kAnswerTimeout, what);
    if (!std::holds_alternative<message::Ended>(reply.body)) detail::throw_misfit(what);
  }
  return value(std::chrono::milliseconds(0));
}

std::exception_ptr AnyFuture::exception(std::chrono::milliseconds timeout) const {
  const FutureState& state = ended(*this, timeout);
  const Trouble* const trouble = state.trouble();
  if (trouble == nullptr) return nullptr;
  if (cancelled()) detail::throw_trouble(*trouble, state.subject());
  return detail::exception_of(*trouble, state.subject());
}

std::optional<Failure> AnyFuture::failure(std::chrono::milliseconds timeout) const {
  const Trouble* const trouble = ended(*this, timeout).trouble();
  const bool failed =
      trouble != nullptr && trouble->kind == Trouble::Kind::ended && trouble->state == State::failed;
  return failed ? std::optional(trouble->failure) : std::nullopt;
}

bool AnyFuture::running() const {
  return !done() && state() == State::running;
}

State AnyFuture::state(std::chrono::milliseconds timeout) const {
  FutureState& state = FutureAccess::state(*this);
  if (!state.is_done()) {
    message::Request request;
    request.body = message::Watch{state.key(), false, true};
    try {
      const message::Reply reply =
          state.session().call(std::move(request), {}, timeout, "asking how " + state.subject() + " stands");
      if (const auto* known = std::get_if<message::Known>(&reply.body)) return known->state;
      if (const auto* end = std::get_if<message::Ended>(&reply.body)) return end->state;
    } catch (const NoSuchFuture& gone) {
      if (!state.is_done()) return gone.state();
    }
  }
  const Trouble* const trouble = state.trouble();
  if (trouble == nullptr) return State::succeeded;
  return trouble->kind == Trouble::Kind::ended ? trouble->state : trouble->refusal.state;
}

bool AnyFuture::cancel(const CancelOptions& how) const {
  FutureState& state = FutureAccess::state(*this);
  if (state.is_done()) return false;
  return detail::cancel(state.session(), {state.key(), how.now(), how.reason()}, kAnswerTimeout,
                        "cancelling " + state.subject());
}

bool AnyFuture::forget() const {
  FutureState& state = FutureAccess::state(*this);
  return detail::forget(state.session(), state.key(), kAnswerTimeout, "forgetting " + state.subject());
}

void AnyFuture::add_done_callback(std::function<void(const AnyFuture&)> f) const {
  FutureState& state = FutureAccess::state(*this);
  auto shared = std::make_shared<const std::function<void(const AnyFuture&)>>(std::move(f));
  // Refers to the state without counting: the state outlives its own observers.
  const bool later = state.add_observer(nullptr, [s = &state, shared] {
    AnyFuture future = FutureAccess::make(detail::Ref<FutureState>(s));
    s->session().notify([shared, future = std::move(future)] { run_callback(*shared, future); });
  });
  if (!later) run_callback(*shared, *this);
}

void AnyFuture::change_timeout(std::chrono::milliseconds t) const {
  FutureState& state = FutureAccess::state(*this);
  message::Request request;
  request.body = message::Adjust{id(), t, std::nullopt};
  static_cast<void>(state.session().call(std::move(request), {}, kAnswerTimeout,
                                         "changing the timeout of " + state.subject()));
}

void AnyFuture::change_run_timeout(std::chrono::milliseconds t) const {
  FutureState& state = FutureAccess::state(*this);
  message::Request request;
  request.body = message::Adjust{id(), std::nullopt, t};
  static_cast<void>(state.session().call(std::move(request), {}, kAnswerTimeout,
                                         "changing the run timeout of " + state.subject()));
}

void AnyFuture::remember_as(std::string_view name, std::optional<std::chrono::milliseconds> lifespan,
                            Duplicate duplicate) const {
  FutureState& state = FutureAccess::state(*this);
  if (id().empty()) accepted(kAnswerTimeout);
  const auto ask = [&](bool with_outcome) {
    message::Request request;
    message::Remember remember{id(), std::string(name), lifespan, duplicate, {}};
    if (with_outcome) remember.outcome = outcome_of(state);
    request.body = std::move(remember);
    static_cast<void>(
        state.session().call(std::move(request), with_outcome ? state.result() : Payload(), kAnswerTimeout,
                             "remembering " + state.subject() + " as \"" + std::string(name) + "\""));
  };
  const auto outcome_is_here = [&] {
    return state.origin() == FutureState::Origin::submitted && state.is_done() &&
           (state.trouble() == nullptr || state.trouble()->kind == Trouble::Kind::ended);
  };
  const bool told = outcome_is_here();
  try {
    ask(told);
  } catch (const NoSuchFuture&) {
    // There is no such job because it was refused: that is what its submitter has to know.
    if (state.origin() == FutureState::Origin::submitted && state.is_done() && state.trouble() != nullptr &&
        state.trouble()->kind == Trouble::Kind::refused) {
      state.seen();
      detail::throw_trouble(*state.trouble(), state.subject());
    }
    // The outcome may have come, and been acknowledged, just before the daemon read this.
    if (told || !outcome_is_here()) throw;
    ask(true);
  }
}

AnyFuture AnyFuture::add_callback(Follows follows, const Call& call) const {
  return detail::add_callback(FutureAccess::state(*this), follows, call);
}

std::string AnyFuture::result_place() const {
  return "the result of " + FutureAccess::state(*this).subject();
}

}  // namespace promised
