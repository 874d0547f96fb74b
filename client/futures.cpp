// SPDX-License-Identifier: Apache-2.0
#include <promised/futures.hpp>

#include <algorithm>
#include <utility>
#include <variant>

#include "client/session.hpp"
#include "client/steering.hpp"
#include "client/submission.hpp"

namespace promised {
namespace {

message::List wanted(const FuturesFilter& filter) {
  message::List list;
  for (const State state : filter.states) list.states |= 1U << static_cast<unsigned>(state);
  list.name_prefix = filter.prefix;
  list.remembered = true;
  list.mine = true;
  list.most = filter.page;
  return list;
}

template <class T>
T ask(detail::Session& session, message::List list, const std::string& what) {
  message::Request request;
  request.body = std::move(list);
  message::Reply reply = session.call(std::move(request), {}, kAnswerTimeout, what);
  if (auto* body = std::get_if<T>(&reply.body)) return std::move(*body);
  detail::throw_misfit(what);
}

}  // namespace

Remembered::Remembered(std::shared_ptr<detail::Session> session, JobView view)
    : session_(std::move(session)), view_(std::move(view)) {}

AnyFuture Remembered::untyped() const {
  return detail::watch(session_, {view_.id, {}});
}

Futures::Futures(std::shared_ptr<detail::Session> session, FuturesFilter filter)
    : session_(std::move(session)), filter_(std::move(filter)) {}

std::uint64_t Futures::size() const {
  message::List list = wanted(filter_);
  list.count = true;
  return ask<message::Count>(*session_, std::move(list), "counting futures").count;
}

Remembered Futures::at(std::string_view name) const {
  if (name.empty()) throw Error("expected the name of a future, found nothing");
  JobView view = detail::show_one(*session_, {{{}, std::string(name)}, {}, false}, kAnswerTimeout,
                                  "looking for the future \"" + std::string(name) + "\"");
  const auto& states = filter_.states;
  if (!name.starts_with(filter_.prefix) ||
      (!states.empty() && std::find(states.begin(), states.end(), view.state) == states.end())) {
    throw NoSuchFuture(State::unknown, "the future \"" + std::string(name) + "\" (" +
                                           std::string(to_string(view.state)) +
                                           ") is not one of those that were asked for");
  }
  return {session_, std::move(view)};
}

std::optional<Remembered> Futures::find(std::string_view name) const {
  try {
    return at(name);
  } catch (const NoSuchFuture&) {
    return std::nullopt;
  }
}

void Futures::iterator::load(const JobId& after) {
  message::List list = wanted(all_->filter_);
  list.after = after;
  message::Jobs jobs = ask<message::Jobs>(*all_->session_, std::move(list), "listing futures");
  page_.clear();
  for (JobView& view : jobs.jobs) page_.emplace_back(all_->session_, std::move(view));
  more_ = jobs.more;
  index_ = 0;
}

Futures::iterator& Futures::iterator::operator++() {
  if (++index_ == page_.size() && more_) load(page_.back().view().id);
  return *this;
}

}  // namespace promised
