// SPDX-License-Identifier: Apache-2.0
// A queue, "mail", that administrators steer and look at.
#pragma once

#include <stdexcept>
#include <string>

#include "tests/unit/decide/kin.hpp"

namespace promised::test {

inline const Options kMail = Options{}.queue("mail");

inline QueueSettings mail() {
  QueueSettings queue;
  queue.name = "mail";
  return queue;
}

inline std::uint64_t steer(House& house, SessionId admin, const QueueChange& change,
                           const std::string& queue = "mail") {
  house.ask(admin, message::SteerQueue{queue, change, false});
  return house.last<message::Count>(admin).count;
}

inline QueueView view(House& house, SessionId admin, const std::string& queue = "mail") {
  for (QueueView& found : house.status(admin).queues) {
    if (found.name == queue) return found;
  }
  throw std::runtime_error("no such queue is shown");
}

/// Another daemon, with what the first one has written of queues and quotas.
inline void restore_steering(House& from, House& to) {
  for (auto& c : from.written<change::SteerQueue>()) to.scheduler.restore(c.queue);
  for (auto& c : from.written<change::SteerQuota>()) to.scheduler.restore(c.quota);
}

}  // namespace promised::test
