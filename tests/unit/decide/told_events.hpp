// SPDX-License-Identifier: Apache-2.0
// What subscribers have been told (SEMANTICS C9).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <variant>
#include <vector>

#include "tests/unit/decide/house.hpp"

namespace promised::test {

inline constexpr uid_t kUser = 1000, kOther = 1001, kAdmin = 0;
inline const Options kMemory = Options().durability(Durability::memory);

inline std::uint32_t only(std::initializer_list<EventKind> kinds) {
  std::uint32_t bits = 0;
  for (const EventKind kind : kinds) bits |= 1U << static_cast<unsigned>(kind);
  return bits;
}

/// What the session was told over the subscription: the kinds, with the functions of jobs, "lost N" and
/// "last".
inline std::string told(House& house, SessionId session, std::uint64_t subscription) {
  std::string all;
  for (const House::Sent& sent : house.sent(session)) {
    const auto* events = std::get_if<message::Events>(&sent.reply.body);
    if (events == nullptr || sent.reply.number != subscription) continue;
    if (events->lost > 0) all += "lost " + std::to_string(events->lost) + " ";
    for (const JobEvent& event : events->events)
      all += std::string(to_string(event.kind)) + ":" + event.function + " ";
    if (events->last) all += "last ";
  }
  return all;
}

inline std::vector<JobEvent> events(House& house, SessionId session) {
  std::vector<JobEvent> all;
  for (const House::Sent& sent : house.sent(session)) {
    if (const auto* batch = std::get_if<message::Events>(&sent.reply.body))
      all.insert(all.end(), batch->events.begin(), batch->events.end());
  }
  return all;
}

}  // namespace promised::test
