// SPDX-License-Identifier: Apache-2.0
// When jobs may begin, and when they must (SEMANTICS T2): those whose moment has still to come wait in the
// schedule, all others in their queues.
#include <algorithm>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Jobs that enter their queues in one turn, so that a million of one moment let everybody else have turns
/// too.
constexpr int kMostDue = 1000;

}  // namespace

/// Of a job that was submitted at `job.submitted`, and `job.queued` on the monotonic clock.
void Scheduler::adopt_options(Job& job, const Options& options) {
  job.priority = static_cast<std::int8_t>(options.priority());
  job.at_most_once = options.at_most_once();
  if (options.retry_on() != Retry::nothing) job.more().retry_on = options.retry_on();
  const Millis limits[] = {options.timeout(), options.run_timeout(), options.progress_timeout(),
                           options.deadline(), options.begin_by()};
  if (std::any_of(std::begin(limits), std::end(limits), [](Millis limit) { return limit > Millis(0); })) {
    JobLimits& own = job.own_limits();
    own.timeout = options.timeout();
    own.run_timeout = options.run_timeout();
    own.progress_timeout = options.progress_timeout();
    own.deadline = options.deadline();
    own.deadline_at = job.queued + options.deadline();
    own.begin_by = options.begin_by();
  }
  if (options.begin_after() != WallTime()) {
    job.timings().begin_after = options.begin_after();
  } else if (options.delay() > Millis(0)) {
    job.timings().begin_after = job.submitted + options.delay();
    job.timings().follows_wall_clock = false;
  }
  if (options.retries() > 0 || options.backoff())
    job.timings().policy = std::make_unique<RetryPolicy>(RetryPolicy{options.retries(), options.backoff()});
}

/// A job that is in no list yet: to its queue, unless its moment has still to come. `job.queued` is when it
/// was submitted.
void Scheduler::admit(Job& job, Turn& t) {
  const Timing* timing = job.timing();
  if (timing == nullptr || timing->begin_after == WallTime() || job.has_begun()) {
    count_wait(job, t.now);
    enqueue(job, t);
    return;
  }
  const Instant due = job.queued + (timing->begin_after - job.submitted);
  if (timing->follows_wall_clock ? timing->begin_after <= t.now.wall : due <= t.now.steady) {
    count_wait(job, t.now);
    enqueue(job, t);
    return;
  }
  set_state(job, State::scheduled);
  Lanes::set_aside(job);
  if (timing->follows_wall_clock) {
    schedule_.add(job, timing->begin_after);
  } else {
    schedule_.add(job, due, timing->begin_after);
  }
  expire_in_time(job);
}

/// From when on its time in the queue counts: from when it came there, which may have been while nobody
/// looked; and when it must have begun, for which a moment before its submission counts too. `job.queued` is
/// when it was submitted.
void Scheduler::count_wait(Job& job, Now now) {
  const Timing* timing = job.timing();
  Instant may_begin = job.queued;
  if (timing != nullptr && timing->begin_after != WallTime() && !job.has_begun()) {
    may_begin = timing->follows_wall_clock ? now.steady - (now.wall - timing->begin_after)
                                           : job.queued + (timing->begin_after - job.submitted);
    job.queued = std::max(job.queued, std::min(may_begin, now.steady));
  }
  if (must_begin(job)) job.own_limits().begin_by_at = may_begin + job.limits().begin_by;
}

bool Scheduler::must_begin(const Job& job) {
  return job.limits().begin_by > Millis(0) && !job.has_begun();
}

/// A job that has begun and is in no list: pending, until it is tried again (SEMANTICS A6).
void Scheduler::pause(Job& job, std::chrono::microseconds length, Turn& t) {
  Lanes::set_aside(job);
  schedule_.add(job, t.now.steady + length, t.now.wall + length);
  expire_in_time(job);
}

/// They enter their queues as if they were submitted now.
void Scheduler::take_due(Turn& t) {
  for (int steps = kMostDue; steps > 0; --steps) {
    Job* job = schedule_.take_due(t.now);
    if (job == nullptr) return;
    Lanes::leave_aside(*job);
    Timing& timing = *job->timing();
    if (job->state == State::scheduled) set_state(*job, State::pending);
    const Instant due =
        timing.wall ? t.now.steady - (t.now.wall - timing.moment) : Instant(Nanos(timing.due));
    if (must_begin(*job)) job->own_limits().begin_by_at = due + job->limits().begin_by;
    timing.moment = next_submitted(t.now);
    // That the wall clock was set forward is no time that the job has waited.
    job->queued = timing.wall ? t.now.steady : due;
    clear_timer(*job);
    enqueue(*job, t);
  }
}

void Scheduler::view_timing(const Job& job, JobView& view) {
  view.begin_by = job.limits().begin_by;
  view.unique = job.detail && job.detail->unique;
  const Timing* timing = job.timing();
  if (timing == nullptr) return;
  view.begin_after = timing->begin_after;
  if (Schedule::contains(job)) view.due = timing->moment;
  if (timing->policy) view.retries = timing->policy->retries;
}

}  // namespace promised
