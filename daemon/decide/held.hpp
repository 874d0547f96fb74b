// SPDX-License-Identifier: Apache-2.0
// Submissions of functions that a pool in its first start may offer, and what is said of those jobs
// meanwhile, in the order in which it was said. They are decided when the pool has told what it offers.
#pragma once

#include <promised/types.hpp>

#include <cstdint>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "daemon/flow.hpp"

namespace promised {

class Held {
 public:
  /// Whether the request is about a job whose submission is held: it has to wait behind it.
  [[nodiscard]] bool concerns(const event::Requested& e) const;
  void add(event::Requested&& e);
  /// Takes out all, in their order.
  [[nodiscard]] std::vector<event::Requested> take();
  /// Takes out those of one session.
  [[nodiscard]] std::vector<event::Requested> take(SessionId session);

 private:
  void index(const event::Requested& e);

  std::vector<event::Requested> requests_;
  std::unordered_set<JobId> ids_;
  std::set<std::pair<std::uint32_t, std::string>> names_;  ///< with their owners
};

}  // namespace promised
