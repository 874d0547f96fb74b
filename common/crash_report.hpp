// SPDX-License-Identifier: Apache-2.0
// What a worker process says of its own end, on the worker page (worker_page.hpp): where it crashed, and
// whether memory had run out. Written by a signal handler, so it is plain bytes; read when the process has
// ended. What a worker writes here is not to be trusted: it is bounded, and made fit to be shown.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace promised {

class CrashReport {
 public:
  static constexpr std::size_t kRoom = std::size_t{12} << 10;

  /// Worker: before each job.
  void clear() {
    // Nearly always it is clear: then the page need not become the worker's own.
    if (size_.load(std::memory_order_relaxed) != 0) size_.store(0, std::memory_order_relaxed);
    if (out_of_memory_.load(std::memory_order_relaxed) != 0)
      out_of_memory_.store(0, std::memory_order_relaxed);
  }
  /// Worker: replaces the backtrace, a line a frame. Safe in a signal handler; what there is no room for is
  /// cut.
  void write(std::string_view lines) {
    const std::size_t size = std::min(lines.size(), kRoom);
    size_.store(0, std::memory_order_release);
    std::memcpy(text_.data(), lines.data(), size);
    size_.store(static_cast<std::uint32_t>(size), std::memory_order_release);
  }
  /// Worker: an allocation has failed. Safe in a signal handler.
  void note_out_of_memory() { out_of_memory_.store(1, std::memory_order_release); }

  /// Reader: the backtrace as it may be shown; empty if there is none.
  [[nodiscard]] std::string backtrace() const;
  [[nodiscard]] bool out_of_memory() const { return out_of_memory_.load(std::memory_order_acquire) != 0; }

 private:
  std::atomic<std::uint32_t> size_{0};
  std::atomic<std::uint32_t> out_of_memory_{0};
  std::array<char, kRoom> text_;  ///< not touched before there is something to tell
};

}  // namespace promised
