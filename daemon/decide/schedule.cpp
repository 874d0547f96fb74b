// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/schedule.hpp"

#include <algorithm>

namespace promised {

void Schedule::add(Job& job, Instant due, WallTime moment) {
  Timing& timing = job.timings();
  timing.moment = moment;
  timing.wall = false;
  timing.due = due.time_since_epoch().count();
  delayed_.update(job);
}

void Schedule::add(Job& job, WallTime moment) {
  Timing& timing = job.timings();
  timing.moment = moment;
  timing.wall = true;
  timing.due = moment.time_since_epoch().count();
  dated_.update(job);
}

void Schedule::remove(Job& job) {
  if (contains(job)) (job.timing()->wall ? dated_ : delayed_).remove(job);
}

Job* Schedule::take_due(Heap& heap, std::int64_t until) {
  if (heap.empty() || heap.top()->timing()->due > until) return nullptr;
  Job* job = heap.top();
  heap.remove(*job);
  return job;
}

Job* Schedule::take_due(Now now) {
  Job* job = take_due(delayed_, now.steady.time_since_epoch().count());
  return job != nullptr ? job : take_due(dated_, now.wall.time_since_epoch().count());
}

std::optional<Nanos> Schedule::next_due(Now now) const {
  std::optional<Nanos> next;
  if (!delayed_.empty()) next = Nanos(delayed_.top()->timing()->due) - now.steady.time_since_epoch();
  if (!dated_.empty()) {
    const Nanos wait = std::chrono::microseconds(dated_.top()->timing()->due) - now.wall.time_since_epoch();
    next = std::min(next.value_or(wait), wait);
  }
  return next;
}

}  // namespace promised
