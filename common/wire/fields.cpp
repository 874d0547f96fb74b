// SPDX-License-Identifier: Apache-2.0
#include "common/wire/fields.hpp"

#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include "common/wire/utf8.hpp"

namespace promised::wire {
namespace {

constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();

}  // namespace

void Fields::refuse(std::string_view field, const std::string& expected, const std::string& found) {
  if (!ok_) return;
  ok_ = false;
  problem_ = Problem::of("bad_request", std::string(message_) + "." + std::string(field) + ": expected " +
                                            expected + ", found " + found);
}

JobId Fields::optional_id(std::string_view field, const std::string& bytes) {
  if (bytes.empty()) return {};
  return id(field, bytes);
}

JobId Fields::id(std::string_view field, const std::string& bytes) {
  if (bytes.size() != JobId::kSize) {
    refuse(field, "16 bytes", bytes.empty() ? "nothing" : std::to_string(bytes.size()));
    return {};
  }
  std::array<std::uint8_t, JobId::kSize> raw{};
  std::memcpy(raw.data(), bytes.data(), raw.size());
  const JobId id(raw);
  if (id.empty()) refuse(field, "16 bytes", "only zeros");
  return id;
}

std::string Fields::text(std::string_view field, std::string* text) {
  if (const auto bad = first_not_utf8(*text)) {
    refuse(field, "UTF-8",
           "byte " + std::to_string(static_cast<unsigned char>((*text)[*bad])) + " at offset " +
               std::to_string(*bad));
    return {};
  }
  return std::move(*text);
}

std::string Fields::prose(std::string* text) {
  if (first_not_utf8(*text)) return mended_utf8(*text);
  return std::move(*text);
}

std::uint64_t Fields::at_most(std::string_view field, std::uint64_t number, std::uint64_t last,
                              std::string_view unit) {
  if (number <= last) return number;
  refuse(field, "at most " + std::to_string(last) + std::string(unit), std::to_string(number));
  return 0;
}

State Fields::state(std::string_view field, std::uint32_t number) {
  return static_cast<State>(at_most(field, number, static_cast<std::uint64_t>(State::forgotten)));
}

Cause Fields::cause(std::string_view field, std::uint32_t number) {
  return static_cast<Cause>(at_most(field, number, static_cast<std::uint64_t>(Cause::member_failed)));
}

Durability Fields::durability(std::string_view field, std::uint32_t number) {
  return static_cast<Durability>(at_most(field, number, static_cast<std::uint64_t>(Durability::memory)));
}

Duplicate Fields::duplicate(std::string_view field, std::uint32_t number) {
  return static_cast<Duplicate>(at_most(field, number, static_cast<std::uint64_t>(Duplicate::keep)));
}

StoreTask Fields::store_task(std::string_view field, std::uint32_t number) {
  return static_cast<StoreTask>(at_most(field, number, static_cast<std::uint64_t>(StoreTask::compact)));
}

EventKind Fields::event_kind(std::string_view field, std::uint32_t number) {
  return static_cast<EventKind>(at_most(field, number, static_cast<std::uint64_t>(EventKind::expired)));
}

Abandon Fields::abandon(std::string_view field, std::uint32_t number) {
  return static_cast<Abandon>(at_most(field, number, static_cast<std::uint64_t>(Abandon::cancel)));
}

Retry Fields::retry(std::string_view field, std::uint32_t bits) {
  return static_cast<Retry>(at_most(field, bits, static_cast<std::uint64_t>(Retry::crash)));
}

Growth Fields::growth(std::string_view field, std::uint32_t number) {
  return static_cast<Growth>(at_most(field, number, static_cast<std::uint64_t>(Growth::exponential)));
}

Follows Fields::follows(std::string_view field, std::uint32_t number) {
  return static_cast<Follows>(at_most(field, number, static_cast<std::uint64_t>(Follows::then)));
}

Composite Fields::composite(std::string_view field, std::uint32_t number) {
  return static_cast<Composite>(at_most(field, number, static_cast<std::uint64_t>(Composite::parallel)));
}

MemberFailure Fields::member_failure(std::string_view field, std::uint32_t number) {
  return static_cast<MemberFailure>(at_most(field, number, static_cast<std::uint64_t>(MemberFailure::stop)));
}

Isolation Fields::isolation(std::string_view field, std::uint32_t number) {
  return static_cast<Isolation>(at_most(field, number, static_cast<std::uint64_t>(Isolation::job)));
}

std::chrono::milliseconds Fields::lifespan(std::string_view field, std::uint64_t count) {
  return count == kForeverMs ? kForever : millis(field, count);
}

std::chrono::milliseconds Fields::millis(std::string_view field, std::uint64_t count) {
  constexpr auto kMost = static_cast<std::uint64_t>(kLongestDuration.count());
  return std::chrono::milliseconds(at_most(field, count, kMost, " ms (100 years)"));
}

std::chrono::microseconds Fields::micros(std::string_view field, std::uint64_t count) {
  return std::chrono::microseconds(at_most(field, count, kLargest, " us"));
}

std::chrono::nanoseconds Fields::nanos(std::string_view field, std::uint64_t count) {
  return std::chrono::nanoseconds(at_most(field, count, kLargest, " ns"));
}

int Fields::priority(std::string_view field, std::int32_t number) {
  if (number >= -100 && number <= 100) return number;
  refuse(field, "-100 to 100", std::to_string(number));
  return 0;
}

std::uint32_t Fields::retries(std::string_view field, std::uint32_t number) {
  return static_cast<std::uint32_t>(at_most(field, number, kMostRetries));
}

WallClock Fields::moment(std::string_view field, std::int64_t micros) {
  const WallClock moment{std::chrono::microseconds(micros)};
  if (moment >= WallClock() && moment <= WallClock(kLongestDuration)) return moment;
  refuse(field, "a moment from 1970 to 2070", std::to_string(micros) + " us since 1970");
  return {};
}

double Fields::part(std::string_view field, double number) {
  if (number >= 0 && number <= 1) return number;
  refuse(field, "0 to 1", std::to_string(number));
  return 0;
}

}  // namespace promised::wire
