// SPDX-License-Identifier: Apache-2.0
// Durations of the last minute, for `status`: a logarithmic histogram (8 steps to a doubling, so within 9 %),
// in six slots of ten seconds. Recording costs a few instructions; nothing is done while nothing happens.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <promised/views.hpp>

#include "common/clock.hpp"

namespace promised {

class RecentDurations {
 public:
  void record(Nanos duration, Instant now) { slot(now).counts[bucket(duration)]++; }
  /// Of the last 50 to 60 seconds.
  [[nodiscard]] PercentilesView percentiles(Instant now);
  /// How many were recorded in the last 50 to 60 seconds, a second.
  [[nodiscard]] double per_second(Instant now, Instant since);

 private:
  static constexpr int kSlots = 6;
  static constexpr std::chrono::seconds kSlotLength{10};
  static constexpr unsigned kBuckets = 64 * 8;
  struct Slot {
    std::int64_t number = -1;
    std::array<std::uint32_t, kBuckets> counts{};
  };

  static unsigned bucket(Nanos duration) {
    const auto ns = static_cast<std::uint64_t>(duration.count() < 8 ? 8 : duration.count());
    const auto power = static_cast<unsigned>(std::bit_width(ns)) - 1;
    return power * 8 + static_cast<unsigned>((ns >> (power - 3)) & 7);
  }
  static Nanos middle(unsigned bucket_index) {
    const unsigned power = bucket_index / 8;
    const std::uint64_t low = (std::uint64_t{8} + bucket_index % 8) << (power - 3);
    return Nanos(static_cast<std::int64_t>(low + (std::uint64_t{1} << (power - 3)) / 2));
  }
  static std::int64_t number_of(Instant now) { return now.time_since_epoch() / kSlotLength; }
  Slot& slot(Instant now) {
    const std::int64_t number = number_of(now);
    Slot& s = slots_[static_cast<std::size_t>(number % kSlots)];
    if (s.number != number) {
      s.number = number;
      s.counts.fill(0);
    }
    return s;
  }

  std::array<Slot, kSlots> slots_;
};

inline PercentilesView RecentDurations::percentiles(Instant now) {
  std::array<std::uint64_t, kBuckets> sum{};
  PercentilesView view;
  for (const Slot& s : slots_) {
    if (s.number < 0 || s.number <= number_of(now) - kSlots) continue;
    for (unsigned i = 0; i < kBuckets; ++i) {
      sum[i] += s.counts[i];
      view.count += s.counts[i];
    }
  }
  std::uint64_t seen = 0;
  for (unsigned i = 0; i < kBuckets && view.count > 0; ++i) {
    if (sum[i] == 0) continue;
    const auto reaches = [&](std::uint64_t percent) {
      const std::uint64_t rank = (view.count * percent + 99) / 100;
      return seen < rank && seen + sum[i] >= rank;
    };
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(middle(i));
    if (reaches(50)) view.p50 = us;
    if (reaches(95)) view.p95 = us;
    seen += sum[i];
  }
  return view;
}

inline double RecentDurations::per_second(Instant now, Instant since) {
  const Instant window_start = Instant(kSlotLength * (number_of(now) - (kSlots - 1)));
  const std::chrono::duration<double> covered = now - (window_start > since ? window_start : since);
  const auto count = static_cast<double>(percentiles(now).count);
  return covered.count() < 1 ? count : count / covered.count();
}

}  // namespace promised
