// SPDX-License-Identifier: Apache-2.0
// What the jobs of one worker say of themselves while they run, as events, and how they may say that they
// ended. The worker library keeps to it; so a process that does not is none of it, and is ended.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.hpp"
#include "daemon/flow.hpp"
#include "daemon/settings.hpp"

namespace promised {

class Reports {
 public:
  /// `limits` must outlive this; `isolation`: the pool's when the worker was started.
  Reports(const Limits& limits, Isolation isolation) : limits_(&limits), isolation_(isolation) {}

  /// `message` is neither Ready nor AttemptEnded. Small parts that come one behind the other
  /// become one event.
  [[nodiscard]] Result<void> take(WorkerId worker, message::FromWorker&& message, Payload&& payload,
                                  std::vector<Event>& events);
  /// Whether a worker can know that a job has failed for this cause; the others are the daemon's to tell.
  [[nodiscard]] Result<void> check(Cause cause) const;

 private:
  [[nodiscard]] Result<void> check(const message::WriteNote& write) const;
  [[nodiscard]] Result<void> count_part(std::uint32_t sequence, std::size_t size);

  const Limits* limits_;
  Isolation isolation_;
  std::uint32_t parts_of_ = 0;  ///< the sequence of the job that emitted last
  std::uint64_t parts_size_ = 0;
};

}  // namespace promised
