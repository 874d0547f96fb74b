// SPDX-License-Identifier: Apache-2.0
// Which part of a worker's output belongs to which job, though output and reports come by different ways: the
// worker notes, on the worker page (worker_page.hpp), how many bytes had been printed when each job
// ended. Only the kernel can count what a job and its children print, so the worker adds what is in the pipe
// to what the daemon has read of it.
//
// What cannot be told for certain is told as unknown: then output is shown with the job after it too, never
// lost.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>

namespace promised {

class OutputMarks {
 public:
  OutputMarks() {
    for (std::atomic<std::uint64_t>& mark : marks_) mark.store(kUnknown, std::memory_order_relaxed);
  }

  /// Daemon: around each read of the pipe, with the number of bytes read in all.
  void begin_read() { read_.fetch_or(kInProgress, std::memory_order_acq_rel); }
  void end_read(std::uint64_t total) { read_.store(total << 1, std::memory_order_release); }

  /// Worker: when a job has ended, before that is reported. `in_pipe()` counts what is not read yet; nothing
  /// if it cannot. Waits for a read that is under way, which takes microseconds unless the daemon loses its
  /// processor in the middle of it; but no longer than kPatience.
  template <class InPipe>
  void note_end(std::uint32_t sequence, InPipe&& in_pipe) {
    marks_[sequence % kMarks].store(measured(sequence, in_pipe), std::memory_order_release);
  }

  /// Daemon: how many bytes had been printed when job `sequence` ended; nothing if that is not known, or it
  /// has not ended. Known before the daemon reads anything that the next job has printed. What a worker
  /// writes here is not to be trusted: it may be any number.
  [[nodiscard]] std::optional<std::uint64_t> end_of(std::uint32_t sequence) const {
    const std::uint64_t mark = marks_[sequence % kMarks].load(std::memory_order_acquire);
    if (mark == kUnknown || (mark & ~kOffset) != tag(sequence)) return std::nullopt;
    return mark & kOffset;
  }

 private:
  static constexpr std::size_t kMarks = 512;  ///< more than a worker is usually ahead of the daemon
  static constexpr std::uint64_t kInProgress = 1;
  static constexpr std::uint64_t kUnknown = ~std::uint64_t{0};
  static constexpr std::uint64_t kOffset = (std::uint64_t{1} << 48) - 1;

  static constexpr std::chrono::milliseconds kPatience{100};

  template <class InPipe>
  std::uint64_t measured(std::uint32_t sequence, InPipe& in_pipe) {
    constexpr int kBrief = 50;
    std::chrono::steady_clock::time_point patient_until;
    for (int tries = 0;; ++tries) {
      const std::uint64_t before = read_.load(std::memory_order_acquire);
      if ((before & kInProgress) == 0) {
        const std::optional<std::uint64_t> waiting = in_pipe();
        if (!waiting) return kUnknown;
        // Reads by writing, so that nothing moves across it in either direction.
        const bool undisturbed = read_.fetch_add(0, std::memory_order_acq_rel) == before;
        if (undisturbed) return tag(sequence) | ((before >> 1) + *waiting);
      }
      if (tries < kBrief) {
        std::this_thread::yield();
        continue;
      }
      const auto now = std::chrono::steady_clock::now();
      if (tries == kBrief) patient_until = now + kPatience;
      if (now > patient_until) return kUnknown;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }

  // Sequence numbers that share a place differ in this, until they are 2^25 apart.
  static constexpr std::uint64_t tag(std::uint32_t sequence) {
    return std::uint64_t{(sequence / kMarks) & 0xffff} << 48;
  }

  std::atomic<std::uint64_t> read_{0};  ///< twice the bytes read, plus one while more are being read
  std::array<std::atomic<std::uint64_t>, kMarks> marks_;
};

}  // namespace promised
