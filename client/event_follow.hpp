// SPDX-License-Identifier: Apache-2.0
// The request for what happens to jobs (SEMANTICS C9), and what of it has arrived and is not read yet. It
// comes in under the session's pump lock; one application thread takes it out. After a reconnect it is sent
// again, and the gap is one of the events.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "client/exchange.hpp"
#include "client/wait_word.hpp"

namespace promised::detail {

class EventFollow final : public Exchange {
 public:
  EventFollow(std::uint64_t request_number, message::Subscribe wanted);

  [[nodiscard]] Next answer(message::Reply& reply, Payload&& content) override;
  [[nodiscard]] Renewal renew() override;
  void poke() override { word_.poke(); }
  void give_up(const std::string& code, const std::string& message) override;

  // For the application's thread.

  struct Taken {
    std::optional<JobEvent> event;  ///< nothing: none has come yet, unless
    std::optional<message::Refused> refusal;
    /// The daemon is to be told that so many have been used: so that more come.
    std::optional<message::Advance> tell;
  };
  [[nodiscard]] Taken take();
  /// How far it is, as the daemon counts.
  [[nodiscard]] message::Advance position() const;
  /// The daemon has answered: from then on nothing is missed, unless it has refused.
  [[nodiscard]] bool has_begun() const;
  [[nodiscard]] std::optional<message::Refused> refused() const;
  [[nodiscard]] WaitWord& word() { return word_; }

 private:
  ~EventFollow() override = default;
  struct Arrived {
    JobEvent event;
    bool counts;  ///< it is one that the daemon has sent over this connection
  };

  void add(message::Events& events);
  void add_gap(std::uint64_t lost);
  void encode();
  [[nodiscard]] message::Advance advance() const;

  const message::Subscribe wanted_;
  WaitWord word_;
  mutable std::mutex mutex_;
  // Under mutex_:
  std::deque<Arrived> arrived_;
  std::uint64_t have_ = 0;    ///< the number of the event that comes next
  std::uint64_t used_ = 0;    ///< of those the reader has taken
  std::uint64_t untold_ = 0;  ///< and of those the daemon does not know
  bool begun_ = false;
  bool connected_ = false;  ///< it has begun on the connection that there is
  std::optional<message::Refused> refusal_;
};

}  // namespace promised::detail
