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
  Outage(std::string endpoint, std::chrono::milliseconds patience)
      : endpoint_(std::move(endpoint)), patience_(patience), since_(std::chrono::steady_clock::now()) {}

  /// The daemon has answered.
  void over();
  /// The daemon is gone from now on, if it was there.
  void begin(Instant now);
  /// The daemon is gone for too long once `now` is here; true if that is news.
  [[nodiscard]] bool declare(Instant now);
  /// The daemon answers, but not to this client.
  void refused(message::Refused refusal);
  /// The client can go no further: `reason` says why.
  void broken(const std::string& reason);

  /// When declare() would be news; nothing while the daemon is there, or when it was said.
  [[nodiscard]] std::optional<Instant> declare_at() const;
  [[nodiscard]] bool declared() const { return declared_.load(std::memory_order_acquire); }
  /// Throws DisconnectedError or, after refused(), RefusedError. Only when declared().
  [[noreturn]] void raise() const;

 private:
  [[nodiscard]] std::string text() const;

  const std::string endpoint_;
  const std::chrono::milliseconds patience_;
  // The session's thread alone.
  std::optional<Instant> since_;
  bool was_there_ = false;

  std::atomic<bool> declared_{false};
  mutable std::mutex mutex_;
  std::string text_;
  std::optional<message::Refused> refusal_;
};

}  // namespace promised::detail
