// SPDX-License-Identifier: Apache-2.0
// An application thread that waits for the one answer that is out leads: it receives the answer by itself
// instead of being woken by the background thread, which is a context switch less in every round trip.
// Whoever calls in a loop leads again and again with hardly a pause: so after a lead the thread does not look
// at the connection for a moment (kLent), and two context switches are not spent on telling it each time. If
// anything is out when a lead ends, it is told at once.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "client/session.hpp"

namespace promised::detail {
namespace {

/// How long after a lead the thread keeps its eyes off the connection.
constexpr std::chrono::milliseconds kLent{2};

}  // namespace

void Session::wait(WaitWord& word, std::uint32_t seen, WaitWord::Deadline deadline) {
  if (!lead(word, seen, deadline)) word.sleep(seen, deadline);
}

bool Session::may_lead() const {
  return led_for_ == nullptr && asleep_.load() && connection_ && welcomed_ && ledger_.open() == 1 &&
         !outbox_.waiting() && !stopping_.load();
}

bool Session::lead(WaitWord& word, std::uint32_t seen, WaitWord::Deadline deadline) {
  {
    std::unique_lock pump(pump_mutex_, std::try_to_lock);
    if (!pump || !may_lead()) return false;
    led_for_ = &word;
    led_seen_ = seen;
    led_connection_ = connections_;
    ++leads_;
    if (thread_watches_) wake();
    try {
      receive_until(pump, deadline);
    } catch (...) {
      led_for_ = nullptr;
      wake();
      throw;
    }
    led_for_ = nullptr;
    led_at_ = std::chrono::steady_clock::now();
    if (!thread_sleeps_deeply_ && ledger_.open() == 0 && !outbox_.waiting() && connection_ &&
        !connection_->readable()) {
      return true;
    }
  }
  wake();
  return true;
}

void Session::receive_until(std::unique_lock<std::mutex>& pump, Instant deadline) {
  while (true) {
    const Instant now = std::chrono::steady_clock::now();
    receive(now);
    if (!lead_goes_on() || now >= deadline) return;
    send_posted();
    ledger_.acknowledge(*connection_, now);
    if (!outbox_.waiting() && !connection_->readable()) follow(pump, deadline);
  }
}

bool Session::lead_goes_on() const {
  return led_connection_ == connections_ && led_for_->load() == led_seen_ && !stopping_.load();
}

void Session::follow(std::unique_lock<std::mutex>& pump, Instant deadline) {
  if (const auto at = ledger_.acknowledge_at()) deadline = std::min(deadline, *at);
  std::array<pollfd, 2> fds{{{leader_fd_.get(), POLLIN, 0}, {connection_->fd(), POLLIN, 0}}};
  pump.unlock();
  poll_until(fds.data(), fds.size(), deadline);
  if ((fds[0].revents & POLLIN) != 0) {
    std::uint64_t count = 0;
    static_cast<void>(!::read(leader_fd_.get(), &count, sizeof count));
  }
  pump.lock();
}

void Session::tell_leader() {
  if (led_for_ == nullptr || lead_goes_on()) return;
  const std::uint64_t one = 1;
  // Cannot fail: the counter never comes near its limit.
  static_cast<void>(!::write(leader_fd_.get(), &one, sizeof one));
}

Instant Session::lent_until(Instant now) {
  thread_sleeps_deeply_ = false;
  if (led_for_ == nullptr) return leads_ == 0 ? Instant::min() : led_at_ + kLent;
  // Somebody leads. One who does so for long is to say when he goes; for short ones it is not worth the
  // while.
  thread_sleeps_deeply_ = leads_ == leads_seen_;
  leads_seen_ = leads_;
  return thread_sleeps_deeply_ ? Instant::max() : now + kLent;
}

}  // namespace promised::detail
