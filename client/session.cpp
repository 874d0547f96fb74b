// SPDX-License-Identifier: Apache-2.0
// The face of a session: what application threads call. The background thread's part is in
// session_thread.cpp.
#include "client/session.hpp"

#include <promised/error.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <span>
#include <utility>
#include <variant>

#include "client/call.hpp"
#include "client/endpoint.hpp"
#include "client/trouble.hpp"
#include "common/ids.hpp"
#include "common/printable.hpp"
#include "common/wire/client_codec.hpp"

namespace promised::detail {
namespace {

/// Refused submissions that nobody looked at, kept for close(); further ones are only logged.
constexpr std::size_t kMostUnseen = 1000;

ClientOptions with_defaults(ClientOptions options) {
  options.endpoint = resolved_endpoint(options.endpoint);
  if (options.program.empty()) options.program = program_invocation_short_name;
  return options;
}

/// Throws what a Refused stands for.
message::Reply take_reply(Call& call, const std::string& what) {
  message::Reply& reply = call.reply();
  if (auto* refusal = std::get_if<message::Refused>(&reply.body)) {
    if (call.closed()) throw DisconnectedError(what + ": " + refusal->message);
    throw_refusal(*refusal);
  }
  return std::move(reply);
}

}  // namespace

std::shared_ptr<Session> Session::start(ClientOptions options) {
  auto session = std::make_shared<Session>(std::move(options));
  session->connect();
  session->thread_ = std::thread([s = session.get()] { s->run(); });
  return session;
}

Session::Session(ClientOptions options)
    : options_(with_defaults(std::move(options))),
      client_id_(new_job_id()),
      event_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      leader_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      outage_(options_.endpoint, options_.connect_timeout,
              options_.absent_timeout.value_or(options_.connect_timeout)),
      context_(std::in_place) {
  if (!event_fd_.valid() || !leader_fd_.valid())
    throw Error(Problem::system("cannot make an event fd").message);
  if (options_.leave_outcomes) ledger_.leave_outcomes();
}

void Session::post(Ref<Exchange> exchange) {
  guard_.check();
  switch (outbox_.push(std::move(exchange))) {
    case Outbox::Pushed::closed:
      throw Error("this client is closed: make a new one");
    case Outbox::Pushed::queued:
      return;
    case Outbox::Pushed::first:
      break;
  }
  // Awake, the thread looks at the outbox before it sleeps.
  if (!asleep_.load(std::memory_order_seq_cst)) return;
  std::unique_lock pump(pump_mutex_, std::try_to_lock);
  if (pump && connection_ && may_send_) {
    send_posted();
    tell_leader();
    // Sending may have swallowed the connection's wake-up call for the thread.
    if (!ledger_.blocked() && !connection_->readable()) return;
  }
  wake();
}

void Session::post_submission(Ref<Exchange> exchange) {
  guard_.check();
  if (closing_.load()) throw Error("this client is closed: make a new one");
  if (refuses_submissions()) throw Error("this client is shut down and submits nothing more: make a new one");
  if (outage_.declared()) outage_.raise();
  unsettled_.fetch_add(1);
  unended_.fetch_add(1);
  try {
    post(std::move(exchange));
  } catch (...) {
    submission_settled();
    submission_ended();
    throw;
  }
}

void Session::submission_settled() {
  if (unsettled_.fetch_sub(1) == 1 && closing_.load()) settled_.poke();
}

void Session::submission_ended() {
  if (unended_.fetch_sub(1) == 1 && refuses_submissions()) ended_.poke();
}

void Session::withdraw_all() {
  std::vector<JobId> ids;
  {
    const std::lock_guard pump(pump_mutex_);
    outbox_.take(taken_);
    ledger_.add(taken_);
    for (const Ref<Exchange>& exchange : ledger_.all()) {
      if (const auto id = exchange->withdrawable()) ids.push_back(*id);
    }
  }
  for (std::size_t from = 0; from < ids.size(); from += kMostWithdrawn) {
    const auto part = std::span(ids).subspan(from, std::min(kMostWithdrawn, ids.size() - from));
    message::Request request;
    request.body = message::Withdraw{{part.begin(), part.end()}};
    static_cast<void>(
        call(std::move(request), {}, kAnswerTimeout, "taking back the jobs that have not begun"));
  }
}

std::size_t Session::count_tied() {
  const std::lock_guard pump(pump_mutex_);
  outbox_.take(taken_);
  ledger_.add(taken_);
  const auto all = ledger_.all();
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [](const Ref<Exchange>& one) { return one->is_tied(); }));
}

void Session::await_ends(std::chrono::milliseconds timeout, WaitWord::Deadline deadline) {
  while (true) {
    const std::uint32_t seen = ended_.load();
    const std::uint64_t left = unended_.load();
    if (left == 0) return;
    check_alive();
    if (std::chrono::steady_clock::now() >= deadline) {
      throw TimeoutError("shutting down: " + std::to_string(left) + " of the futures have not ended within " +
                         duration_text(timeout) + "; " +
                         what_becomes_of(left, std::min<std::size_t>(left, count_tied())));
    }
    ended_.sleep(seen, deadline);
  }
}

message::Reply Session::call(message::Request request, Payload payload, std::chrono::milliseconds timeout,
                             const std::string& what, bool* resent) {
  const Ref<Call> call = make_ref<Call>();
  call->number = request.number = next_number();
  wire::encode(request, call->header);
  call->payload = std::move(payload);
  await(*call, timeout, what);
  if (resent != nullptr) *resent = call->resent;
  return take_reply(*call, what);
}

message::Reply Session::call_once(message::Request request, std::chrono::milliseconds timeout,
                                  const std::string& what, std::string_view what_is_left) {
  const Ref<Call> call = make_ref<Call>(Call::Once{what_is_left});
  call->number = request.number = next_number();
  wire::encode(request, call->header);
  await(*call, timeout, what);
  return take_reply(*call, what);
}

void Session::await(Call& call, std::chrono::milliseconds timeout, const std::string& what) {
  const WaitWord::Deadline deadline = deadline_after(timeout);
  post(Ref<Exchange>(&call));
  if (!call.await(*this, deadline)) {
    throw TimeoutError(what + ": the daemon has not answered within " + duration_text(timeout));
  }
}

void Session::reach(std::chrono::milliseconds timeout) {
  const WaitWord::Deadline deadline = deadline_after(timeout);
  while (true) {
    const std::uint32_t seen = greeted_.load();
    check_alive();
    if (stopping_.load()) throw Error("this client is closed: make a new one");
    if (outage_.answers()) return;
    if (std::chrono::steady_clock::now() >= deadline) outage_.raise_silence(timeout);
    greeted_.sleep(seen, deadline);
  }
}

void Session::check_alive() const {
  guard_.check();
  if (outage_.declared()) outage_.raise();
}

void Session::add_listener(WaitWord* word) {
  const std::lock_guard lock(side_mutex_);
  listeners_.push_back(word);
}

void Session::remove_listener(WaitWord* word) {
  const std::lock_guard lock(side_mutex_);
  listeners_.erase(std::find(listeners_.begin(), listeners_.end(), word));
}

void Session::log(std::string_view text) const noexcept {
  if (options_.log) {
    try {
      options_.log(text);
      return;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "promised: the log handler threw: %s\n", printable(e.what()).c_str());
    } catch (...) {
      std::fprintf(stderr, "promised: the log handler threw something that is no std::exception\n");
    }
  }
  std::fprintf(stderr, "promised: %s\n", printable(text).c_str());
}

void Session::report_unseen(Unaccepted unseen) {
  if (guard_.in_child()) return;
  log(unseen.function + " (job " + unseen.id.text() +
      ") was not accepted, and nobody asked: " + unseen.reason);
  const std::lock_guard lock(side_mutex_);
  if (unseen_.size() < kMostUnseen) unseen_.push_back(std::move(unseen));
}

Session::Left Session::close(std::chrono::milliseconds timeout) {
  guard_.check();
  const std::lock_guard once(close_mutex_);
  if (!thread_.joinable()) return {};
  const WaitWord::Deadline deadline = deadline_after(timeout);
  closing_.store(true);
  while (true) {
    const std::uint32_t seen = settled_.load();
    if (unsettled_.load() == 0 || outage_.declared() || std::chrono::steady_clock::now() >= deadline) break;
    settled_.sleep(seen, deadline);
  }
  {
    const std::lock_guard pump(pump_mutex_);
    linger_until_ = deadline;
  }
  stopping_.store(true);
  greeted_.poke();
  wake();
  thread_.join();
  notifier_.stop();
  const std::lock_guard lock(side_mutex_);
  return {std::exchange(unseen_, {}), std::exchange(leftover_, {})};
}

void Session::wake() {
  if (woken_.exchange(true)) return;
  const std::uint64_t one = 1;
  // Cannot fail: the counter never comes near its limit.
  static_cast<void>(!::write(event_fd_.get(), &one, sizeof one));
}

}  // namespace promised::detail
