// SPDX-License-Identifier: Apache-2.0
// Whether the daemon is there, gone for a moment, or gone for too long; and what to throw about the last.
// Written by the session's thread, read by every thread that is about to wait.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "common/clock.hpp"
#include "common/messages.hpp"

namespace promised::detail {

class Outage {
 public:
  /// `absent_patience` is for one that nobody has seen yet.
  Outage(std::string endpoint, std::chrono::milliseconds patience, std::chrono::milliseconds absent_patience)
      : endpoint_(std::move(endpoint)),
        patience_(patience),
        absent_patience_(absent_patience),
        since_(std::chrono::steady_clock::now()) {}

  /// Somebody listens at the endpoint, who may still be too busy to answer.
  void listened() { was_seen_ = true; }
  /// The daemon has answered.
  void over();
  /// The daemon is gone from now on, if it was there.
  void begin(Instant now);
  /// The daemon is gone for too long once `now` is here; true if that is news.
  [[nodiscard]] bool declare(Instant now);
  /// The daemon has said why it is about to go.
  void announced(const std::string& reason);
  /// What it has said, of a daemon that has not been seen since or whose place no other has taken; else
  /// empty.
  [[nodiscard]] std::string announcement() const;
  /// The daemon answers, but not to this client.
  void refused(message::Refused refusal);
  /// The client can go no further: `reason` says why.
  void broken(const std::string& reason);

  /// When declare() would be news; nothing while the daemon is there, or when it was said.
  [[nodiscard]] std::optional<Instant> declare_at() const;
  [[nodiscard]] bool declared() const { return declared_.load(std::memory_order_acquire); }
  /// Throws DisconnectedError or, after refused(), RefusedError. Only when declared().
  [[noreturn]] void raise() const;
  /// Whether the daemon has answered, and has not been seen to go since.
  [[nodiscard]] bool answers() const { return answers_.load(std::memory_order_acquire); }
  /// Throws the DisconnectedError of who has waited for an answer for `within`, and does not any more.
  [[noreturn]] void raise_silence(std::chrono::milliseconds within) const;

 private:
  [[nodiscard]] std::string text(std::chrono::milliseconds within) const;
  [[nodiscard]] std::chrono::milliseconds patience() const {
    return was_seen_ ? patience_ : absent_patience_;
  }

  const std::string endpoint_;
  const std::chrono::milliseconds patience_;
  const std::chrono::milliseconds absent_patience_;
  // Whoever holds the session's pump lock.
  std::optional<Instant> since_;
  bool was_seen_ = false;  ///< somebody listened

  std::atomic<bool> was_there_{false};  ///< and answered
  std::atomic<bool> answers_{false};
  std::atomic<bool> declared_{false};
  mutable std::mutex mutex_;
  std::string text_;
  std::string announcement_;
  std::optional<message::Refused> refusal_;
};

}  // namespace promised::detail
