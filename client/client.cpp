// SPDX-License-Identifier: Apache-2.0
#include <promised/client.hpp>
#include <promised/error.hpp>

#include <iterator>
#include <utility>
#include <variant>

#include "client/call.hpp"
#include "client/client_access.hpp"
#include "client/future_state.hpp"
#include "client/session.hpp"
#include "client/steering.hpp"
#include "client/submission.hpp"
#include "client/wait_word.hpp"

namespace promised {
namespace {

using detail::Session;
using detail::show_one;

std::string describe(const JobKey& key) {
  return key.id().empty() ? "the future \"" + key.name() + "\"" : "job " + key.id().text();
}

message::Key wire_key(const JobKey& key) {
  if (key.id().empty() && key.name().empty())
    throw Error("expected a job's id or the name of a future, found neither");
  return {key.id(), key.name()};
}

/// The part of `reply` that the request asked for.
template <class T>
T expect(message::Reply& reply, const std::string& what) {
  if (auto* body = std::get_if<T>(&reply.body)) return std::move(*body);
  detail::throw_misfit(what);
}

template <class T>
T ask(Session& session, message::Request request, std::chrono::milliseconds timeout,
      const std::string& what) {
  message::Reply reply = session.call(std::move(request), {}, timeout, what);
  return expect<T>(reply, what);
}

StoreReport maintain(Session& session, message::StoreCommand command, std::chrono::milliseconds timeout,
                     const std::string& what) {
  message::Request request;
  request.body = std::move(command);
  message::Reply reply = session.call_once(
      std::move(request), timeout, what,
      "its log says how far it came, and what it has left unfinished it removes at its next start");
  return expect<message::StoreDone>(reply, what).report;
}

}  // namespace

struct Client::Impl {
  explicit Impl(ClientOptions options) : session(Session::start(std::move(options))) {}
  ~Impl() {
    // The others were logged when their futures went.
    for (const Unaccepted& u : session->close(session->options().close_timeout).unanswered) {
      session->log("closing: " + u.function + " (job " + u.id.text() + ") was not accepted: " + u.reason);
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// Deletes it, unless this is a forked child: the threads and locks are the parent's, so it is left as it
  /// is.
  static void dispose(std::unique_ptr<Impl> impl) noexcept {
    if (impl && impl->session->in_forked_child()) static_cast<void>(impl.release());
  }
  /// The session of a client that has not been moved from.
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for the check too
  static Session& of(const Client& client) {
    if (!client.impl_) throw Error("this client is empty: it was moved from");
    return *client.impl_->session;
  }

  std::shared_ptr<Session> session;
};

detail::Session& detail::ClientAccess::session(const Client& client) {
  return Client::Impl::of(client);
}

Client::Client() : Client(ClientOptions()) {}
Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::Client(Client&& other) noexcept = default;
Client& Client::operator=(Client&& other) noexcept {
  Impl::dispose(std::exchange(impl_, std::move(other.impl_)));
  return *this;
}
Client::~Client() {
  Impl::dispose(std::move(impl_));
}

AnyFuture Client::submit_arguments(const Options& options, std::string_view function,
                                   const Arguments& arguments) {
  Impl::of(*this);
  return detail::submit(impl_->session, options, function, arguments);
}

AnyFuture Client::submit_call(const Call& call) {
  Impl::of(*this);
  return detail::submit(impl_->session, call);
}

AnyFuture Client::watch(const JobKey& key) {
  Impl::of(*this);
  return detail::watch(impl_->session, wire_key(key));
}

detail::MapRun Client::start_map(MapOptions options, std::string function,
                                 std::function<bool(Arguments&)> source) {
  Impl::of(*this);
  return {impl_->session, std::move(options), std::move(function), std::move(source)};
}

Futures Client::futures(FuturesFilter filter) const {
  Impl::of(*this);
  return {impl_->session, std::move(filter)};
}

void Client::reach(std::chrono::milliseconds timeout) const {
  Impl::of(*this).reach(timeout);
}

bool Client::cancel(const JobKey& key, std::chrono::milliseconds timeout) {
  return cancel(key, CancelOptions(), timeout);
}

bool Client::cancel(const JobKey& key, const CancelOptions& how, std::chrono::milliseconds timeout) {
  return detail::cancel(Impl::of(*this), {wire_key(key), how.now(), how.reason()}, timeout,
                        "cancelling " + describe(key));
}

bool Client::retry(const JobKey& key, std::chrono::milliseconds timeout) {
  message::Request request;
  request.body = message::RetryJob{wire_key(key)};
  return ask<message::Known>(Impl::of(*this), std::move(request), timeout, "retrying " + describe(key))
      .effect;
}

bool Client::forget(const JobKey& key, std::chrono::milliseconds timeout) {
  return detail::forget(Impl::of(*this), wire_key(key), timeout, "forgetting " + describe(key));
}

void Client::remember(const JobId& id, std::string_view name,
                      std::optional<std::chrono::milliseconds> lifespan, Duplicate duplicate,
                      std::chrono::milliseconds timeout) {
  message::Request request;
  request.body = message::Remember{id, std::string(name), lifespan, duplicate, {}};
  static_cast<void>(
      ask<message::Known>(Impl::of(*this), std::move(request), timeout,
                          "remembering job " + id.text() + " as \"" + std::string(name) + "\""));
}

StatusView Client::status(std::chrono::milliseconds timeout) {
  message::Request request;
  request.body = message::StatusQuery{};
  return ask<message::Status>(Impl::of(*this), std::move(request), timeout, "asking for the daemon's status")
      .view;
}

JobPage Client::jobs(const JobFilter& filter, std::chrono::milliseconds timeout) {
  message::List list;
  for (const State state : filter.states) list.states |= 1U << static_cast<unsigned>(state);
  list.function = filter.function;
  list.queue = filter.queue;
  list.name_prefix = filter.name_prefix;
  list.remembered = filter.remembered;
  list.most = filter.most;
  list.after = filter.after;
  message::Request request;
  request.body = std::move(list);
  message::Jobs page = ask<message::Jobs>(Impl::of(*this), std::move(request), timeout, "listing jobs");
  return {std::move(page.jobs), page.more};
}

JobView Client::show(const JobKey& key, std::chrono::milliseconds timeout) {
  return show_one(Impl::of(*this), {wire_key(key), {}, false}, timeout, "showing " + describe(key));
}

JobView Client::show_prefix(std::string_view prefix, std::chrono::milliseconds timeout) {
  return show_one(Impl::of(*this), {{}, std::string(prefix), false}, timeout,
                  "showing the job \"" + std::string(prefix) + "…\"");
}

JobView Client::show_last(std::chrono::milliseconds timeout) {
  return show_one(Impl::of(*this), {{}, {}, true}, timeout, "showing the last job");
}

Events Client::events(const EventFilter& filter, std::chrono::milliseconds timeout) const {
  Impl::of(*this);
  return {impl_->session, filter, timeout};
}

StoreReport Client::check_store(std::chrono::milliseconds timeout) {
  return maintain(Impl::of(*this), {StoreTask::check, {}}, timeout, "checking the store");
}

StoreReport Client::back_up_store(std::string_view directory, std::chrono::milliseconds timeout) {
  return maintain(Impl::of(*this), {StoreTask::backup, std::string(directory)}, timeout,
                  "backing up the store");
}

StoreReport Client::compact_store(std::chrono::milliseconds timeout) {
  return maintain(Impl::of(*this), {StoreTask::compact, {}}, timeout, "compacting the store");
}

ReloadReport Client::reload(std::chrono::milliseconds timeout) {
  message::Request request;
  request.body = message::Reload{};
  return ask<message::Reloaded>(Impl::of(*this), std::move(request), timeout, "reloading the configuration")
      .report;
}

Explanation Client::explain(const JobKey& key, std::chrono::milliseconds timeout) {
  message::Request request;
  request.body = message::Explain{wire_key(key)};
  return ask<message::Explained>(Impl::of(*this), std::move(request), timeout, "explaining " + describe(key))
      .explanation;
}

std::uint64_t Client::steer_queue(std::string_view queue, const QueueChange& change,
                                  std::chrono::milliseconds timeout) {
  message::Request request;
  request.body = message::SteerQueue{std::string(queue), change, false};
  return ask<message::Count>(Impl::of(*this), std::move(request), timeout,
                             "steering queue \"" + std::string(queue) + "\"")
      .count;
}

std::uint64_t Client::clear_queue(std::string_view queue, std::chrono::milliseconds timeout) {
  const std::string what = "clearing queue \"" + std::string(queue) + "\"";
  message::Request request;
  request.body = message::SteerQueue{std::string(queue), {}, true};
  message::Reply reply = Impl::of(*this).call_once(
      std::move(request), timeout, what,
      "the queue may be cleared as a whole, in part or not at all; ask again, which cancels what waits in it "
      "then");
  return expect<message::Count>(reply, what).count;
}

std::uint64_t Client::set_quota(std::string_view name, std::uint64_t size,
                                std::chrono::milliseconds timeout) {
  message::Request request;
  request.body = message::SteerQuota{std::string(name), size, false};
  return ask<message::Count>(Impl::of(*this), std::move(request), timeout,
                             "setting quota \"" + std::string(name) + "\"")
      .count;
}

std::uint64_t Client::remove_quota(std::string_view name, std::chrono::milliseconds timeout) {
  const std::string what = "removing quota \"" + std::string(name) + "\"";
  message::Request request;
  request.body = message::SteerQuota{std::string(name), 0, true};
  bool resent = false;
  try {
    message::Reply reply = Impl::of(*this).call(std::move(request), {}, timeout, what, &resent);
    return expect<message::Count>(reply, what).count;
  } catch (const RefusedError& refused) {
    if (resent && refused.code() == "no_quota") return 0;  // the answer to the first sending was lost
    throw;
  }
}

void Client::shutdown(Shutdown how, NotBegun rest, std::chrono::milliseconds timeout) {
  Session& session = Impl::of(*this);
  const detail::WaitWord::Deadline deadline = detail::deadline_after(timeout);
  session.refuse_submissions();
  if (rest == NotBegun::cancel) session.withdraw_all();
  if (how == Shutdown::leave) return;
  session.await_ends(timeout, deadline);
  static_cast<void>(session.close(session.options().close_timeout));  // all has ended: so it was accepted
}

std::vector<Unaccepted> Client::close(std::optional<std::chrono::milliseconds> timeout) {
  Session& session = Impl::of(*this);
  detail::Session::Left left = session.close(timeout.value_or(session.options().close_timeout));
  std::vector<Unaccepted> all = std::move(left.unseen);
  std::move(left.unanswered.begin(), left.unanswered.end(), std::back_inserter(all));
  return all;
}

const std::string& Client::endpoint() const {
  return Impl::of(*this).options().endpoint;
}

}  // namespace promised
