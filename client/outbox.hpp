// SPDX-License-Identifier: Apache-2.0
// What application threads hand to the session, until somebody with the pump lock takes all of it at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "client/exchange.hpp"
#include "client/ref.hpp"

namespace promised::detail {

class Outbox {
 public:
  enum class Pushed : std::uint8_t {
    first,   ///< it was empty: see to it that somebody takes it
    queued,  ///< whoever saw to it before will take this too
    closed   ///< refused: nobody takes it any more
  };

  [[nodiscard]] Pushed push(Ref<Exchange> exchange) {
    const std::lock_guard lock(mutex_);
    if (closed_) return Pushed::closed;
    items_.push_back(std::move(exchange));
    if (items_.size() > 1) return Pushed::queued;
    waiting_.store(true, std::memory_order_seq_cst);
    return Pushed::first;
  }
  /// Swaps the content into `out`, which is empty. The two vectors trade places and keep their memory.
  void take(std::vector<Ref<Exchange>>& out) {
    const std::lock_guard lock(mutex_);
    out.swap(items_);
    waiting_.store(false, std::memory_order_seq_cst);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  /// Whether there is something to take. Sequentially consistent: a pusher that then sees the session's
  /// thread asleep, and the thread that falls asleep and then looks here, cannot both miss each other.
  [[nodiscard]] bool waiting() const { return waiting_.load(std::memory_order_seq_cst); }

 private:
  std::mutex mutex_;
  std::vector<Ref<Exchange>> items_;
  std::atomic<bool> waiting_{false};
  bool closed_ = false;
};

}  // namespace promised::detail
