// SPDX-License-Identifier: Apache-2.0
#include "client/round.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "client/call.hpp"
#include "client/client_access.hpp"
#include "client/future_state.hpp"
#include "client/session.hpp"
#include "client/trouble.hpp"
#include "common/wire/client_codec.hpp"

namespace promised::detail {
namespace {

/// How often a promise is submitted whose name's holder was gone when its result was fetched.
constexpr int kMostTries = 3;
constexpr std::size_t kMostListed = 10;

/// The name's holder lapsed, or was dropped, between the daemon's word that it is there and its outcome. A
/// remembered promise then runs as if the name had been free from the start.
bool is_lost(const Promise& promise, const Trouble& trouble) {
  return trouble.kind == Trouble::Kind::refused && trouble.refusal.code == "no_such_future" &&
         !promise.options.name().empty() && !promise.options.at_most_once();
}

}  // namespace

Round::Round(Client& client, std::vector<Promise> promises)
    : client_(client), session_(ClientAccess::session(client)) {
  items_.reserve(promises.size());
  for (Promise& promise : promises) {
    items_.push_back({std::move(promise)});
    submit(items_.back());
  }
}

Round::~Round() = default;

void Round::submit(Item& item) {
  const Promise& promise = item.promise;
  if (!promise.options.name().empty() && !promise.former.empty()) {
    message::Request request;
    request.body = message::Forget{{promise.former, {}}};
    post(std::move(request));
  }
  item.future = client_.submit_arguments(promise.options, promise.function, promise.arguments);
  ++item.tries;
}

void Round::post(message::Request request) {
  const Ref<Call> call = make_ref<Call>();
  call->number = request.number = session_.next_number();
  wire::encode(request, call->header);
  posted_.emplace_back(call);
  session_.post(Ref<Exchange>(call));
}

bool Round::wait(std::chrono::steady_clock::time_point deadline) {
  while (true) {
    std::vector<AnyFuture> waited_for;
    std::vector<Item*> items;
    for (Item& item : items_) {
      if (item.ended) continue;
      waited_for.push_back(item.future);
      items.push_back(&item);
    }
    if (items.empty()) return true;
    CompletionQueue queue(waited_for);
    for (std::size_t left = items.size(); left > 0; --left) {
      const std::optional<std::size_t> index = queue.next(deadline);
      if (!index) return false;
      items[*index]->ended = settle(*items[*index]);
    }
  }
}

bool Round::settle(Item& item) {
  FutureState& state = FutureAccess::state(item.future);
  const Trouble* const trouble = state.trouble();
  if (trouble == nullptr) return true;
  state.seen();
  if (is_lost(item.promise, *trouble) && item.tries < kMostTries) {
    submit(item);
    return false;
  }
  try {
    throw_trouble(*trouble, state.subject());
  } catch (const std::exception& e) {
    session_.log("the promise \"" + item.promise.key + "\" came to no value: " + e.what());
  }
  return true;
}

void Round::hand_over(Keys& keys) {
  for (Item& item : items_) keys.resolve(std::move(item.promise.key), std::move(item.future));
  items_.clear();
}

void Round::give_up(Unfinished unfinished) {
  if (unfinished == Unfinished::leave) return;
  for (const Item& item : items_) {
    if (item.ended || !item.promise.options.name().empty()) continue;
    message::Request request;
    request.body = message::Cancel{FutureAccess::state(item.future).key()};
    post(std::move(request));
  }
}

std::string Round::unfinished_text(std::chrono::milliseconds timeout) const {
  std::vector<std::string> entries;
  for (const Item& item : items_) {
    if (item.ended) continue;
    entries.push_back("\"" + item.promise.key + "\", which is " + FutureAccess::state(item.future).subject());
  }
  return std::to_string(entries.size()) + " of " + std::to_string(items_.size()) +
         " promises have not ended within " + duration_text(timeout) + ": " + listed(entries);
}

std::string Round::what_becomes() const {
  std::size_t unfinished = 0, tied = 0;
  for (const Item& item : items_) {
    if (item.ended) continue;
    ++unfinished;
    if (FutureAccess::state(item.future).is_tied()) ++tied;
  }
  return what_becomes_of(unfinished, tied);
}

std::string listed(const std::vector<std::string>& entries) {
  std::string text;
  for (std::size_t i = 0; i < std::min(entries.size(), kMostListed); ++i) {
    text += (i == 0 ? "" : "; ") + entries[i];
  }
  if (entries.size() > kMostListed) text += "; and " + std::to_string(entries.size() - kMostListed) + " more";
  return text;
}

}  // namespace promised::detail
