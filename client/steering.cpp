// SPDX-License-Identifier: Apache-2.0
#include "client/steering.hpp"

#include <promised/error.hpp>

#include <utility>
#include <variant>

#include "client/session.hpp"
#include "common/demangle.hpp"

namespace promised::detail {
namespace {

const message::Known& known_of(const message::Reply& reply, const std::string& what) {
  const auto* const known = std::get_if<message::Known>(&reply.body);
  if (known == nullptr) throw_misfit(what);
  return *known;
}

}  // namespace

bool cancel(Session& session, message::Cancel order, std::chrono::milliseconds timeout,
            const std::string& what) {
  message::Request request;
  request.body = std::move(order);
  bool resent = false;
  const message::Reply reply = session.call(std::move(request), {}, timeout, what, &resent);
  const message::Known& known = known_of(reply, what);
  return known.effect || (resent && known.state == State::cancelled);
}

bool forget(Session& session, message::Key key, std::chrono::milliseconds timeout, const std::string& what) {
  message::Request request;
  request.body = message::Forget{std::move(key)};
  bool resent = false;
  try {
    const message::Reply reply = session.call(std::move(request), {}, timeout, what, &resent);
    return known_of(reply, what).effect;
  } catch (const NoSuchFuture& gone) {
    if (resent && gone.state() == State::forgotten) return true;
    throw;
  }
}

JobView show_one(Session& session, message::Show show, std::chrono::milliseconds timeout,
                 const std::string& what) {
  message::Request request;
  request.body = std::move(show);
  message::Reply reply = session.call(std::move(request), {}, timeout, what);
  auto* const jobs = std::get_if<message::Jobs>(&reply.body);
  if (jobs == nullptr) throw_misfit(what);
  if (jobs->jobs.size() != 1) {
    throw Error(what + ": expected one job, the daemon told of " + std::to_string(jobs->jobs.size()));
  }
  JobView view = std::move(jobs->jobs.front());
  view.failure.backtrace = readable_backtrace(view.failure.backtrace);
  return view;
}

void throw_misfit(const std::string& what) {
  throw Error(what + ": the daemon gave an answer that does not fit the question; is it of another version?");
}

}  // namespace promised::detail
