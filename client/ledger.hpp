// SPDX-License-Identifier: Apache-2.0
// What is between this client and its daemon: the requests without their last answer, what of them is still
// to be sent on this connection, and which deliveries are to be acknowledged. Knows nothing of threads or of
// how connections come and go: all of it happens under the session's pump lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "client/connection.hpp"
#include "client/exchange.hpp"
#include "client/ref.hpp"
#include "client/request_table.hpp"
#include "common/clock.hpp"
#include "common/messages.hpp"

namespace promised::detail {

class Ledger {
 public:
  /// Registers each of `taken` and queues it for sending; what is there already is only sent again, and what
  /// has no number is only sent: no answer is wanted.
  void add(std::vector<Ref<Exchange>>& taken);
  /// A connection has begun: everything that somebody still wants is to be sent again, in its order
  /// (SEMANTICS S7). `reached`: the one before came so far that a daemon may have read what was sent on it.
  void renew(bool reached);
  /// The daemon has said who it is, and how large arguments may be (0: it did not say).
  void welcomed(const message::Welcome& welcome);
  /// Sends what is queued until the connection is full.
  void flush(Connection& connection);
  /// Whether something is queued that a wake-up of the connection lets go on.
  [[nodiscard]] bool blocked() const { return full_; }

  /// Gives an answer to whom it concerns. What nobody asked for any more is dropped.
  void answer(message::Reply& reply, Payload&& payload, Instant now);
  /// The daemon, which is on its way out, did not take a submission.
  void postponed(std::uint64_t number);
  /// From now on nothing is acknowledged: what arrives stays with the daemon too.
  void leave_outcomes() { leave_outcomes_ = true; }
  /// Acknowledges deliveries when there are many, or the first of them has waited long enough.
  void acknowledge(Connection& connection, Instant now);
  /// When acknowledge() is to be called next.
  [[nodiscard]] std::optional<Instant> acknowledge_at() const;
  /// How many requests are without their last answer.
  [[nodiscard]] std::size_t open() const { return table_.size(); }
  /// The highest delivery of this connection that may be acknowledged.
  [[nodiscard]] std::uint64_t delivered() const { return leave_outcomes_ ? 0 : delivered_; }

  /// Everything that is with the daemon, or on its way.
  [[nodiscard]] std::vector<Ref<Exchange>> all() const { return table_.all(); }
  void poke_all();
  /// Takes out everything.
  [[nodiscard]] std::vector<Ref<Exchange>> take_all();

 private:
  enum class Step : std::uint8_t { went, full, held };
  [[nodiscard]] Step send(Connection& connection, Exchange& exchange);
  void accepted(std::uint64_t number);
  void part_with_former_daemon();
  void finish(std::uint64_t number);

  RequestTable table_;
  std::deque<Ref<Exchange>> unsent_;
  std::string scratch_;
  bool leave_outcomes_ = false;
  bool welcomed_ = false;
  bool full_ = false;
  std::uint64_t max_arguments_ = 0;
  JobId daemon_;  ///< the last that has said Welcome; empty: none has, or it did not say who it is
  std::uint64_t delivered_ = 0;
  std::uint64_t acknowledged_ = 0;
  Instant first_unacknowledged_{};
};

}  // namespace promised::detail
