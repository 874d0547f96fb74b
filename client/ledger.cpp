// SPDX-License-Identifier: Apache-2.0
#include "client/ledger.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "common/wire/client_codec.hpp"

namespace promised::detail {
namespace {

/// Deliveries are acknowledged once there are so many, or after so long.
constexpr std::uint64_t kAcknowledgeAfter = 1024;
constexpr std::chrono::milliseconds kAcknowledgeWithin{50};
/// Until the daemon has said how large arguments may be, larger ones than this wait: a daemon that gets a
/// message beyond its limit hangs up, and would do so again and again.
constexpr std::size_t kSentUnasked = std::size_t{64} << 10;

}  // namespace

void Ledger::add(std::vector<Ref<Exchange>>& taken) {
  for (Ref<Exchange>& exchange : taken) {
    if (exchange->over) continue;
    if (exchange->number != 0 && table_.find(exchange->number) == nullptr) table_.insert(exchange);
    unsent_.push_back(std::move(exchange));
  }
  taken.clear();
}

void Ledger::renew(bool reached) {
  unsent_.clear();
  welcomed_ = false;
  full_ = false;
  delivered_ = 0;
  acknowledged_ = 0;
  for (Ref<Exchange>& exchange : table_.all()) {
    // Two references are ours here: the table's and this one's.
    Exchange& e = *exchange;
    exchange = Ref<Exchange>();
    e.resent = e.resent || (reached && e.sent);
    e.sent = false;
    if (e.renew() == Exchange::Renewal::send) {
      unsent_.emplace_back(&e);
    } else {
      finish(e.number);
    }
  }
}

void Ledger::welcomed(const message::Welcome& welcome) {
  welcomed_ = true;
  max_arguments_ = welcome.max_arguments;
  const bool is_same = !welcome.daemon.empty() && welcome.daemon == daemon_;
  daemon_ = welcome.daemon;
  if (!is_same) part_with_former_daemon();
}

void Ledger::part_with_former_daemon() {
  for (const Ref<Exchange>& exchange : table_.all()) {
    if (!exchange->for_one_daemon || !exchange->resent) continue;
    exchange->daemon_lost();
    if (exchange->over) finish(exchange->number);
  }
}

void Ledger::flush(Connection& connection) {
  full_ = false;
  while (!unsent_.empty()) {
    const Step step = send(connection, *unsent_.front());
    full_ = step == Step::full;
    if (step != Step::went) return;
    unsent_.pop_front();
  }
}

Ledger::Step Ledger::send(Connection& connection, Exchange& exchange) {
  // Answered, or accepted, since it was queued.
  if (exchange.over || exchange.header.empty()) return Step::went;
  if (!welcomed_ && (exchange.for_one_daemon || exchange.payload.size() > kSentUnasked)) return Step::held;
  if (welcomed_ && max_arguments_ != 0 && exchange.payload.size() > max_arguments_) {
    exchange.give_up("limit", "the arguments take " + std::to_string(exchange.payload.size()) +
                                  " bytes; the daemon takes at most " + std::to_string(max_arguments_) +
                                  " (its limit max_message): pass less, or the name of a file");
    finish(exchange.number);
    return Step::went;
  }
  if (connection.send(exchange.header, exchange.payload) == Connection::Sent::full) return Step::full;
  exchange.resent = exchange.resent || exchange.sent;
  exchange.sent = true;
  return Step::went;
}

void Ledger::answer(message::Reply& reply, Payload&& payload, Instant now) {
  if (reply.delivery > delivered_) {
    if (delivered_ == acknowledged_) first_unacknowledged_ = now;
    delivered_ = reply.delivery;
  }
  if (const auto* batch = std::get_if<message::Accepted>(&reply.body)) {
    for (const std::uint64_t number : batch->numbers) accepted(number);
    return;
  }
  Exchange* const exchange = table_.find(reply.number);
  if (exchange == nullptr) return;
  switch (exchange->answer(reply, std::move(payload))) {
    case Exchange::Next::over:
      finish(reply.number);
      break;
    case Exchange::Next::again:
      exchange->sent = false;
      unsent_.emplace_back(exchange);
      break;
    case Exchange::Next::more_answers:
      break;
  }
}

void Ledger::accepted(std::uint64_t number) {
  Exchange* const exchange = table_.find(number);
  if (exchange != nullptr) exchange->accepted();
}

void Ledger::postponed(std::uint64_t number) {
  Exchange* const exchange = table_.find(number);
  if (exchange != nullptr) exchange->postponed();
}

void Ledger::finish(std::uint64_t number) {
  const Ref<Exchange> exchange = table_.take(number);
  exchange->over = true;
  // The answer to a question about another request may have been that one's last too.
  const std::uint64_t other = exchange->about;
  if (other == 0) return;
  const Exchange* const found = table_.find(other);
  if (found != nullptr && found->over) table_.take(other);
}

void Ledger::acknowledge(Connection& connection, Instant now) {
  if (leave_outcomes_) return;
  const std::uint64_t open = delivered_ - acknowledged_;
  if (open == 0 || (open < kAcknowledgeAfter && now < first_unacknowledged_ + kAcknowledgeWithin)) return;
  message::Request nothing;
  nothing.received = delivered_;
  scratch_.clear();
  wire::encode(nothing, scratch_);
  if (connection.send(scratch_, Payload()) == Connection::Sent::sent) {
    acknowledged_ = delivered_;
  } else {
    first_unacknowledged_ = now;
  }
}

std::optional<Instant> Ledger::acknowledge_at() const {
  if (leave_outcomes_ || delivered_ == acknowledged_) return std::nullopt;
  return first_unacknowledged_ + kAcknowledgeWithin;
}

void Ledger::poke_all() {
  for (const Ref<Exchange>& exchange : table_.all()) exchange->poke();
}

std::vector<Ref<Exchange>> Ledger::take_all() {
  std::vector<Ref<Exchange>> all = table_.all();
  table_ = RequestTable();
  unsent_.clear();
  return all;
}

}  // namespace promised::detail
