// SPDX-License-Identifier: Apache-2.0
// What happens when a moment has come. No ticks: the loop sleeps until the first of these
// (Scheduler::next_due).
#include <algorithm>
#include <csignal>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Of two limits, of which zero is none.
Millis shorter(Millis a, Millis b) {
  if (a == Millis(0) || b == Millis(0)) return std::max(a, b);
  return std::min(a, b);
}

}  // namespace

void Scheduler::set_timer(Timer& timer, Instant due) {
  if (timer.wall) clear_timer(timer);
  timer.due = due.time_since_epoch().count();
  timers_.update(timer);
}

void Scheduler::set_wall_timer(Timer& timer, WallTime due) {
  if (!timer.wall) clear_timer(timer);
  timer.wall = true;
  timer.due = due.time_since_epoch().count();
  wall_timers_.update(timer);
}

void Scheduler::clear_timer(Timer& timer) {
  (timer.wall ? wall_timers_ : timers_).remove(timer);
  timer.wall = false;
}

void Scheduler::fire(Timer& timer, Turn& t) {
  clear_timer(timer);
  switch (timer.kind) {
    case Timer::Kind::job:
      due(static_cast<Job&>(timer), t);
      break;
    case Timer::Kind::worker:
      due(static_cast<Worker&>(timer), t);
      break;
    case Timer::Kind::pool:
      due(static_cast<Pool&>(timer), t);
      break;
    case Timer::Kind::tie:
      due(static_cast<Tie&>(timer), t);
      break;
    case Timer::Kind::queue:
      due(static_cast<Queue&>(timer), t);
      break;
  }
}

/// SEMANTICS T1 and T2: as long as it is in its queue; T3: from its submission on.
void Scheduler::expire_in_time(Job& job) {
  const JobLimits& limits = job.limits();
  std::optional<Instant> first;
  const auto consider = [&](Instant at) { first = std::min(first.value_or(at), at); };
  const bool is_queued = !Schedule::contains(job);
  if (is_queued && limits.timeout > Millis(0)) consider(job.queued + limits.timeout);
  if (is_queued && must_begin(job)) consider(limits.begin_by_at);
  if (limits.deadline > Millis(0)) consider(limits.deadline_at);
  if (first) set_timer(job, *first);
}

/// Of one that waits for other jobs, and for no worker: only its deadline counts.
void Scheduler::watch_deadline(Job& job) {
  if (job.limits().deadline > Millis(0)) set_timer(job, job.limits().deadline_at);
}

/// One that no worker runs: by the limit that was over first. One whose parts are still being stopped is
/// cancelled, as whoever cancelled it was told.
void Scheduler::end_overdue(Job& job, Turn& t) {
  if (job.cancel_asked) {
    end_job(job, State::cancelled, {}, job.story().reason, {}, t);
    return;
  }
  const JobLimits& limits = job.limits();
  const bool is_queued = !Schedule::contains(job) && job.state != State::waiting;
  const Instant expires =
      is_queued && limits.timeout > Millis(0) ? job.queued + limits.timeout : Instant::max();
  const Instant too_late = is_queued && must_begin(job) ? limits.begin_by_at : Instant::max();
  if (limits.deadline > Millis(0) && limits.deadline_at <= t.now.steady &&
      limits.deadline_at < std::min(expires, too_late)) {
    Failure failure = timed_out(job, KillReason::deadline, limits.deadline);
    end_job(job, State::failed, std::move(failure), {}, {}, t);
  } else if (too_late < expires) {
    end_job(job, State::expired, {},
            "it had not begun within its begin_by (" + std::to_string(limits.begin_by.count()) + " ms)", {},
            t);
  } else {
    end_job(job, State::expired, {}, {}, {}, t);
  }
}

void Scheduler::due(Job& job, Turn& t) {
  if (job.ended()) {
    bury(job, t);
    release(job, State::lapsed, t);
  } else if (job.worker == nullptr) {
    end_overdue(job, t);
  } else {
    // In a worker's channel: whether it has begun shows when the channel is taken back.
    job.expire_asked = true;
    revoke(*job.worker, t);
  }
}

void Scheduler::due(Pool& pool, Turn& t) {
  start_workers(pool, t);
  pool.dirty = true;  // jobs that came meanwhile may want more of them
}

/// Its rate lets the next job begin; or it has made good what its jobs had spent, and may be forgotten.
void Scheduler::due(Queue& queue, Turn& t) {
  const std::string name = queue.name;
  lanes_.refill(queue);
  Queue* still_there = lanes_.find_queue(name);
  if (still_there != nullptr && still_there->lanes.empty()) leave_rule(*still_there, t);
}

void Scheduler::due(Worker& worker, Turn& t) {
  if (worker.kill_reason != KillReason::none) {
    // SIGTERM was not enough within kill_grace.
    worker.killed_hard = true;
    t.plan.effects.emplace_back(effect::KillWorker{worker.id, SIGKILL});
    return;
  }
  if (worker.phase == Worker::Phase::starting) {
    kill(worker, KillReason::start_timeout, t);
    return;
  }
  if (worker.channel.empty()) {
    rested(worker, t);
    return;
  }
  Job& job = *worker.channel.front().job;
  const bool asked_in_vain =
      worker.cancel_told != Instant{} && t.now.steady - worker.cancel_told >= worker.settings->kill_grace;
  if (asked_in_vain) {
    kill(worker, KillReason::cancelled, t);
    return;
  }
  see_whether_it_begins(worker, t);
  if (worker.killed_hard) return;
  const Nanos ran = t.now.steady - worker.channel.first_since();
  const std::optional<TimeLimit> limit = next_limit(worker, job);
  const bool over = limit && limit->over <= t.now.steady;
  if (ran >= kStall || over) {
    if (worker.wait == Worker::Wait::none)
      job.function->usual_run = std::max(job.function->usual_run.value_or(ran), ran);
    if (job.durable() && !std::exchange(job.start_written, true)) {
      write(job, t);
      t.plan.changes.emplace_back(change::StartJob{job.id, job.attempts});
    }
    if (worker.channel.may_hold_prefetched()) revoke(worker, t);
  }
  if (over) {
    kill(worker, limit->which, t);
  } else {
    arm(worker, t);
  }
}

Millis Scheduler::run_limit(const Worker& worker, const Job& job) {
  return shorter(job.limits().run_timeout, worker.settings->run_timeout);
}

Millis Scheduler::silence_limit(const Worker& worker, const Job& job) {
  return shorter(job.limits().progress_timeout, worker.settings->progress_timeout);
}

/// The first that is over, of the job that the worker runs (SEMANTICS T3). One that waits for others neither
/// runs nor is silent. A sign of life moves no timer: what it puts off is seen when that fires.
std::optional<Scheduler::TimeLimit> Scheduler::next_limit(const Worker& worker, const Job& job) {
  std::optional<TimeLimit> first;
  const auto consider = [&](Instant over, KillReason which) {
    if (!first || over < first->over) first = {over, which};
  };
  if (worker.wait == Worker::Wait::none) {
    if (const Millis run = run_limit(worker, job); run > Millis(0))
      consider(worker.channel.first_since() + run, KillReason::run_timeout);
    if (const Millis silence = silence_limit(worker, job); silence > Millis(0))
      consider(worker.heard + silence, KillReason::progress_timeout);
  }
  if (job.limits().deadline > Millis(0)) consider(job.limits().deadline_at, KillReason::deadline);
  return first;
}

Failure Scheduler::timed_out(const Job& job, KillReason which, Millis limit) {
  const std::string duration = " (" + std::to_string(limit.count()) + " ms)";
  Failure failure;
  failure.cause = Cause::timed_out;
  failure.attempt = job.attempts;
  if (which == KillReason::run_timeout) {
    failure.limit = "run_timeout";
    failure.message = "it ran for longer than run_timeout" + duration;
  } else if (which == KillReason::progress_timeout) {
    failure.limit = "progress_timeout";
    failure.message = "it ran without a sign of life for longer than progress_timeout" + duration;
  } else {
    failure.limit = "deadline";
    failure.message = "it had not ended within its deadline" + duration + " from its submission on";
  }
  return failure;
}

/// Of the job that the worker is being killed for.
Failure Scheduler::timed_out(const Worker& worker, const Job& job) {
  switch (worker.kill_reason) {
    case KillReason::run_timeout:
      return timed_out(job, worker.kill_reason, run_limit(worker, job));
    case KillReason::progress_timeout:
      return timed_out(job, worker.kill_reason, silence_limit(worker, job));
    default:
      return timed_out(job, KillReason::deadline, job.limits().deadline);
  }
}

/// Makes sure that the worker is looked at in time. A timer that is set already and comes first stays: under
/// load it is moved once in kStall, and not with each job.
void Scheduler::arm(Worker& worker, Turn&) {
  if (worker.kill_reason != KillReason::none || worker.channel.empty()) return;
  const Job& job = *worker.channel.front().job;
  std::optional<Instant> next;
  const auto consider = [&](Instant at) { next = std::min(next.value_or(at), at); };
  if (worker.channel.may_hold_prefetched() || (job.durable() && !job.start_written))
    consider(worker.channel.first_since() + kStall);
  if (const auto limit = next_limit(worker, job)) consider(limit->over);
  if (worker.cancel_told != Instant{}) consider(worker.cancel_told + worker.settings->kill_grace);
  const Instant due_by = worker.channel.due_by(worker.settings->start_timeout);
  if (due_by != Instant::max()) consider(due_by);
  if (!next) return;
  if (worker.place != kNotInHeap && worker.due <= next->time_since_epoch().count()) return;
  set_timer(worker, *next);
}

}  // namespace promised
