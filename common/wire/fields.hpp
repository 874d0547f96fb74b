// SPDX-License-Identifier: Apache-2.0
// The checks that every field from outside passes. The first that fails is kept as the problem of the whole
// message, with the field's name, what was expected and what was found; the decoder goes on with a harmless
// value and asks once, at the end.
#pragma once

#include <promised/types.hpp>
#include <promised/views.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "common/result.hpp"

namespace promised::wire {

/// No duration that people mean is longer, and none that is as long overflows where it is added to a clock.
inline constexpr std::chrono::milliseconds kLongestDuration = std::chrono::hours(24) * 36525;

/// What stands for kForever as a lifespan.
inline constexpr std::uint64_t kForeverMs = std::numeric_limits<std::uint64_t>::max();
[[nodiscard]] inline std::uint64_t lifespan_ms(std::chrono::milliseconds lifespan) {
  return lifespan == kForever ? kForeverMs : static_cast<std::uint64_t>(lifespan.count());
}

class Fields {
 public:
  /// `message` is its name in error messages, such as "submit"; it outlives this object.
  explicit Fields(std::string_view message) : message_(message) {}

  /// Exactly 16 bytes, not all zero.
  [[nodiscard]] JobId id(std::string_view field, const std::string& bytes);
  /// The same, or nothing at all.
  [[nodiscard]] JobId optional_id(std::string_view field, const std::string& bytes);
  /// Text that programs compare: UTF-8. Moved out of the message.
  [[nodiscard]] std::string text(std::string_view field, std::string* text);
  /// Text that people read: mended where it is no UTF-8. Moved out of the message.
  [[nodiscard]] static std::string prose(std::string* text);

  [[nodiscard]] State state(std::string_view field, std::uint32_t number);
  [[nodiscard]] Cause cause(std::string_view field, std::uint32_t number);
  [[nodiscard]] Durability durability(std::string_view field, std::uint32_t number);
  [[nodiscard]] Duplicate duplicate(std::string_view field, std::uint32_t number);
  [[nodiscard]] Abandon abandon(std::string_view field, std::uint32_t number);
  [[nodiscard]] Retry retry(std::string_view field, std::uint32_t bits);
  [[nodiscard]] Growth growth(std::string_view field, std::uint32_t number);
  [[nodiscard]] Isolation isolation(std::string_view field, std::uint32_t number);
  [[nodiscard]] Follows follows(std::string_view field, std::uint32_t number);
  [[nodiscard]] Composite composite(std::string_view field, std::uint32_t number);
  [[nodiscard]] MemberFailure member_failure(std::string_view field, std::uint32_t number);

  [[nodiscard]] StoreTask store_task(std::string_view field, std::uint32_t number);
  [[nodiscard]] EventKind event_kind(std::string_view field, std::uint32_t number);

  /// At most kLongestDuration.
  [[nodiscard]] std::chrono::milliseconds millis(std::string_view field, std::uint64_t count);
  /// The same, or kForever.
  [[nodiscard]] std::chrono::milliseconds lifespan(std::string_view field, std::uint64_t count);
  [[nodiscard]] std::chrono::microseconds micros(std::string_view field, std::uint64_t count);
  [[nodiscard]] std::chrono::nanoseconds nanos(std::string_view field, std::uint64_t count);
  /// From 1970 on, and at most kLongestDuration from there.
  [[nodiscard]] WallClock moment(std::string_view field, std::int64_t micros);
  /// -100 to 100.
  [[nodiscard]] int priority(std::string_view field, std::int32_t number);
  /// At most kMostRetries.
  [[nodiscard]] std::uint32_t retries(std::string_view field, std::uint32_t number);
  /// 0 to 1.
  [[nodiscard]] double part(std::string_view field, double number);

  /// Keeps the problem, if it is the first: "bad_request", "submit.id: expected 16 bytes, found 3".
  void refuse(std::string_view field, const std::string& expected, const std::string& found);

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] const Problem& problem() const { return problem_; }

 private:
  /// `number` if it is at most `last`.
  [[nodiscard]] std::uint64_t at_most(std::string_view field, std::uint64_t number, std::uint64_t last,
                                      std::string_view unit = {});

  std::string_view message_;
  Problem problem_;
  bool ok_ = true;
};

}  // namespace promised::wire
