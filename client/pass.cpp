// SPDX-License-Identifier: Apache-2.0
// What a handler can do with its keys.
#include <promised/resolve.hpp>

#include <utility>

#include "client/future_state.hpp"
#include "client/pass_state.hpp"
#include "common/wire/value_codec.hpp"

namespace promised {
namespace {

std::string future_of(std::string_view key) {
  return "the future \"" + std::string(key) + "\"";
}

}  // namespace

int Pass::number() const {
  return state_.number;
}

bool Pass::is_resolved(std::string_view key) const {
  return state_.keys.resolved(key) != nullptr;
}

bool Pass::is_promised(std::string_view key) const {
  return state_.keys.promised(key) != nullptr;
}

AnyFuture Pass::resolved(std::string_view key) const {
  if (const AnyFuture* const future = state_.keys.resolved(key)) return *future;
  if (const detail::Promise* const promise = state_.keys.promised(key)) {
    throw FutureNotResolved(std::string(key), promise->function,
                            future_of(key) + " is promised (" + promise->function +
                                ") and not resolved: it runs when the pass is over; leave the pass, or give "
                                "a default");
  }
  throw FutureNotSubmitted(std::string(key),
                           future_of(key) +
                               " is not there: nobody has promised it; promise it with submit() or "
                               "result_or_submit(), or give a default");
}

std::string Pass::place(std::string_view key, const AnyFuture& future) {
  return "\"" + std::string(key) + "\", the result of " + detail::FutureAccess::state(future).subject();
}

void Pass::submit_arguments(std::string_view key, std::optional<Options> options, std::string_view function,
                            Arguments arguments) {
  if (const AnyFuture* const future = state_.keys.resolved(key)) {
    throw FutureAlreadyResolved(std::string(key), future_of(key) + " has its result already, of " +
                                                      detail::FutureAccess::state(*future).subject() +
                                                      ": clear() it before it is promised again");
  }
  // Found here, where the handler sees it, and not when its pass is over.
  if (const Result<std::string> encoded = wire::encode(arguments); !encoded) {
    throw RefusedError(encoded.problem().code, std::string(function) + ": " + encoded.problem().message);
  }
  Options with = std::move(options).value_or(state_.options.options());
  if (const auto& name_of = state_.options.name_of(); name_of && with.name().empty()) {
    with.remember(name_of(key), state_.options.lifespan(), Duplicate::attach);
  }
  state_.keys.promise(state_.who,
                      {std::string(key), std::string(function), std::move(with), std::move(arguments)});
}

bool Pass::cancel(std::string_view key) {
  return state_.keys.cancel(key);
}

bool Pass::clear(std::string_view key) {
  return state_.keys.clear(key);
}

bool Pass::reset(std::string_view key) {
  return cancel(key) || clear(key);
}

void Pass::on_abort(std::function<void()> hook) {
  state_.hooks.push_back(std::move(hook));
}

void Pass::publish_placeholder(std::chrono::milliseconds patience) {
  state_.placeholder_patience = patience;
}

}  // namespace promised
