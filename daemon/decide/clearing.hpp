// SPDX-License-Identifier: Apache-2.0
// A queue that is being cleared: all that waited in it when an administrator said so is cancelled, some in
// each turn, so that nobody else waits for it.
#pragma once

#include <promised/types.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/nouns.hpp"

namespace promised {

struct Clearing {
  WallTime until{};         ///< what was submitted later is not meant
  std::uint64_t order = 0;  ///< which one it is, counting up
  std::string queue;
  std::string reason;  ///< that the jobs are given
  SessionId session{};
  std::uint64_t number = 0;  ///< whom to tell how many they were
  std::vector<JobId> ids;    ///< of those in memory, to be cancelled still
  std::vector<JobId> ready;  ///< that workers hold: whether they had begun shows when those are taken back
  enum class Disk : std::uint8_t {
    nothing,     ///< there is none there, or not any more
    to_search,   ///< from `below` on
    is_searched  ///< event::FoundInBacklog is due
  };
  Disk disk = Disk::nothing;
  JobId below;
  std::uint64_t cancelled = 0;

  [[nodiscard]] bool is_done() const { return ids.empty() && ready.empty() && disk == Disk::nothing; }
  /// There is something to do in the next turn, unless the disk is too slow.
  [[nodiscard]] bool goes_on() const { return !ids.empty() || disk == Disk::to_search; }
};

}  // namespace promised
