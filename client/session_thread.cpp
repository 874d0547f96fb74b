// SPDX-License-Identifier: Apache-2.0
// The background thread of a session: turns of looking after the connection, receiving, and sending, with a
// sleep in between until an fd or the next deadline.
#include <promised/error.hpp>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <utility>
#include <variant>

#include "client/session.hpp"
#include "client/trouble.hpp"
#include "common/wire/client_codec.hpp"

namespace promised::detail {
namespace {

/// Answers taken in one turn, before what was posted has its chance.
constexpr int kMostAnswers = 4096;
/// The pauses between tries to connect grow from the first to the last.
constexpr std::chrono::milliseconds kFirstPause{10};
constexpr std::chrono::milliseconds kLongestPause{250};
/// Between tries to be welcome where the daemon has refused this client.
constexpr std::chrono::milliseconds kRefusedPause{1'000};
/// A connection that lasted so long was a good one: the next try comes at once.
constexpr std::chrono::milliseconds kLasted{1'000};

}  // namespace

void Session::run() {
  std::unique_lock pump(pump_mutex_);
  try {
    while (!stopping_.load()) {
      turn(std::chrono::steady_clock::now());
      tell_leader();
      sleep(pump);
    }
  } catch (const std::exception& e) {
    // Out of memory or of file descriptors, or ZeroMQ in a state that it should not be in.
    log(std::string("the connection to the daemon broke down: ") + e.what());
    outage_.broken(e.what());
    connection_.reset();
    ++connections_;
    poke_waiters();
  }
  farewell();
  tell_leader();
}

void Session::turn(Instant now) {
  keep_connected(now);
  receive(now);
  if (connection_ && may_send_) {
    send_posted();
    ledger_.acknowledge(*connection_, now);
  } else {
    outbox_.take(taken_);
    ledger_.add(taken_);
  }
  watch_outage(now);
}

void Session::send_posted() {
  outbox_.take(taken_);
  ledger_.add(taken_);
  ledger_.flush(*connection_);
}

void Session::keep_connected(Instant now) {
  if (!connection_) {
    if (now < retry_at_) return;
    connect();
  }
  // Also of a new connection: ZeroMQ signals only what comes after it was asked for the first time.
  switch (connection_->status()) {
    case Connection::Status::connecting:
      return;
    case Connection::Status::connected:
      may_send_ = true;
      outage_.listened();
      return;
    case Connection::Status::ended:
      break;
  }
  receive(now);  // what had arrived before the end is good
  if (connection_) disconnect(now);
}

void Session::connect() {
  connection_ = std::make_unique<Connection>(*context_, options_.endpoint);
  ++connections_;
  welcomed_ = false;
  ledger_.renew(std::exchange(reached_, false));
  message::Request hello;
  hello.number = hello_number_ = next_number();
  hello.body = message::Hello{message::kClientProtocol, client_id_, options_.program};
  std::string bytes;
  wire::encode(hello, bytes);
  static_cast<void>(connection_->send(bytes, Payload()));  // there is room: it is the first
}

void Session::disconnect(Instant now) {
  reached_ = welcomed_ || connection_->was_connected();
  connection_.reset();
  ++connections_;
  may_send_ = false;
  outage_.begin(now);
  if (welcomed_ && now - welcomed_at_ >= kLasted) {
    pause_ = std::chrono::milliseconds(0);
  } else {
    pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
  }
  welcomed_ = false;
  retry_at_ = now + pause_;
}

void Session::receive(Instant now) {
  for (int i = 0; i < kMostAnswers && connection_ && connection_->receive(incoming_); ++i) {
    Result<message::Reply> reply = wire::decode_reply(incoming_.header());
    if (!reply) {
      if (!std::exchange(garbage_logged_, true)) {
        log("the daemon at " + options_.endpoint + " sent what is no answer (" + reply.problem().message +
            "); is it of another version?");
      }
      continue;
    }
    if (!handle(*reply, incoming_.take_payload(), now)) disconnect(now);
  }
}

bool Session::handle(message::Reply& reply, Payload&& payload, Instant now) {
  if (const auto* welcome = std::get_if<message::Welcome>(&reply.body)) {
    greeted(*welcome, now);
    return true;
  }
  if (auto* refusal = std::get_if<message::Refused>(&reply.body)) {
    if (refusal->code == "no_session") return false;
    // It is on its way out: what it did not take is for the one that comes after it.
    if (refusal->code == "store_failed") outage_.announced(refusal->message);
    if (refusal->code == "stopping" || refusal->code == "store_failed") {
      ledger_.postponed(reply.number);
      return reply.number != hello_number_;
    }
    if (reply.number == hello_number_) {
      unwanted(*refusal, now);
      return true;
    }
    if (reply.number == 0) log("the daemon could not read a request: " + refusal->message);
  }
  ledger_.answer(reply, std::move(payload), now);
  return true;
}

void Session::greeted(const message::Welcome& welcome, Instant now) {
  welcomed_ = true;
  welcomed_at_ = now;
  may_send_ = true;
  outage_.over();
  ledger_.welcomed(welcome);
  greeted_.poke();
}

void Session::unwanted(message::Refused& refusal, Instant now) {
  outage_.refused(std::move(refusal));
  poke_waiters();
  disconnect(now);
  retry_at_ = now + kRefusedPause;
}

void Session::watch_outage(Instant now) {
  if (outage_.declare(now)) poke_waiters();
}

void Session::poke_waiters() {
  ledger_.poke_all();
  greeted_.poke();
  settled_.poke();
  ended_.poke();
  const std::lock_guard lock(side_mutex_);
  for (WaitWord* const listener : listeners_) listener->poke();
}

bool Session::nothing_to_do() const {
  if (stopping_.load() || outbox_.waiting()) return false;
  if (!connection_) return true;
  return !connection_->readable() && !(ledger_.blocked() && connection_->writable());
}

Instant Session::next_deadline() const {
  Instant next = Instant::max();
  if (!connection_) next = std::min(next, retry_at_);
  if (const auto at = ledger_.acknowledge_at(); at && connection_ && may_send_) next = std::min(next, *at);
  if (const auto at = outage_.declare_at()) next = std::min(next, *at);
  return next;
}

void Session::sleep(std::unique_lock<std::mutex>& pump) {
  asleep_.store(true, std::memory_order_seq_cst);
  if (!nothing_to_do()) {
    asleep_.store(false, std::memory_order_seq_cst);
    return;
  }
  const Instant now = std::chrono::steady_clock::now();
  const Instant lent = lent_until(now);
  thread_watches_ = lent <= now;
  const Instant deadline = thread_watches_ ? next_deadline() : std::min(lent, next_deadline());
  std::array<pollfd, 3> fds{{{event_fd_.get(), POLLIN, 0}, {-1, POLLIN, 0}, {-1, POLLIN, 0}}};
  if (connection_) {
    if (thread_watches_) fds[1].fd = connection_->fd();
    fds[2].fd = connection_->monitor_fd();
  }
  pump.unlock();
  poll_until(fds.data(), fds.size(), deadline);
  asleep_.store(false, std::memory_order_seq_cst);
  if ((fds[0].revents & POLLIN) != 0) {
    std::uint64_t count = 0;
    static_cast<void>(!::read(event_fd_.get(), &count, sizeof count));
    woken_.store(false);
  }
  pump.lock();
}

void Session::farewell() {
  outbox_.close();
  outbox_.take(taken_);
  ledger_.add(taken_);
  if (connection_ && welcomed_) {
    ledger_.flush(*connection_);
    message::Request bye;
    bye.number = next_number();
    bye.received = ledger_.delivered();
    bye.body = message::Bye{};
    std::string bytes;
    wire::encode(bye, bytes);
    static_cast<void>(
        connection_->send(bytes, Payload()));  // if there is no room, the daemon sees us go anyway
    using std::chrono::milliseconds;
    const Nanos left = std::max<Nanos>(linger_until_ - std::chrono::steady_clock::now(), Nanos(0));
    connection_->linger(linger_until_ == Instant::max() ? milliseconds::max()
                                                        : std::chrono::duration_cast<milliseconds>(left));
  }
  const std::vector<Ref<Exchange>> rest = ledger_.take_all();
  for (const Ref<Exchange>& exchange : rest) {
    if (std::optional<Unaccepted> u = exchange->unaccepted()) {
      const std::lock_guard lock(side_mutex_);
      leftover_.push_back(std::move(*u));
    }
    exchange->give_up(kClosed,
                      "the client was closed before this came to an end; ask for it with another client");
  }
  connection_.reset();
  ++connections_;
  context_.reset();
}

}  // namespace promised::detail
