// SPDX-License-Identifier: Apache-2.0
// How many jobs a queue may begin in which time (SEMANTICS Q2): a bucket of tokens, as the moment at which it
// would be full. A queue that has used up its rate is closed until the next token is there.
#include <algorithm>
#include <utility>

#include "daemon/decide/lanes.hpp"

namespace promised {
namespace {

Nanos interval(const QueuePolicy& policy) {
  return std::max(Nanos(policy.per) / policy.jobs, Nanos(1));
}

/// How long the rate takes to allow a whole burst but one.
Nanos burst_time(const QueuePolicy& policy) {
  const std::uint32_t burst = policy.burst == 0 ? policy.jobs : policy.burst;
  const Nanos each = interval(policy);
  return std::min<std::int64_t>(burst - 1, Nanos::max() / 4 / each) * each;
}

}  // namespace

/// Each job puts the moment at which the bucket is full off by the same time.
void Lanes::spend(Queue& queue, Instant now) {
  queue.full_at = std::max(queue.full_at, now) + interval(queue.policy);
  queue.opens = queue.full_at - burst_time(queue.policy);
  if (queue.opens <= now) return;
  queue.spent = true;
  close(queue);
}

void Lanes::refill(Queue& queue) {
  queue.spent = false;
  if (queue.open()) open(queue);
  drop_unused(queue);
}

/// It was not used: there was one to spend before.
void Lanes::unspend(Queue& queue) {
  queue.full_at -= interval(queue.policy);
  if (std::exchange(queue.spent, false) && queue.open()) open(queue);
}

}  // namespace promised
