// SPDX-License-Identifier: Apache-2.0
// What happens when a moment has come. No ticks: the loop sleeps until the first of these
// (Scheduler::next_due).
#include <algorithm>
#include <csignal>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {

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
  }
}

/// SEMANTICS T1: from its queueing on.
void Scheduler::expire_in_time(Job& job) {
  if (job.detail && job.detail->timeout > Millis(0)) set_timer(job, job.queued + job.detail->timeout);
}

void Scheduler::due(Job& job, Turn& t) {
  if (job.ended()) {
    bury(job, t);
    release(job, State::lapsed, t);
  } else if (job.worker == nullptr) {
    end_job(job, State::expired, {}, {}, {}, t);
  } else {
    // In a worker's channel: whether it has begun shows when the channel is taken back.
    job.expire_asked = true;
    revoke(*job.worker, t);
  }
}

void Scheduler::due(Pool& pool, Turn& t) {
  start_workers(pool, t);
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
  const Nanos ran = t.now.steady - worker.head_since;
  const Millis limit = run_limit(worker, job);
  const bool over = limit > Millis(0) && ran >= limit;
  if (ran >= kStall || over) {
    job.function->usual_run = std::max(job.function->usual_run.value_or(ran), ran);
    if (job.durable() && !std::exchange(job.start_written, true)) {
      write(job, t);
      t.plan.changes.emplace_back(change::StartJob{job.id, job.attempts});
    }
    if (worker.channel.size() > 1) revoke(worker, t);
  }
  if (over) {
    kill(worker, KillReason::run_timeout, t);
  } else {
    arm(worker, t);
  }
}

Millis Scheduler::run_limit(const Worker& worker, const Job& job) const {
  const Millis own = job.detail ? job.detail->run_timeout : Millis(0);
  const Millis pool = worker.settings->run_timeout;
  if (own == Millis(0)) return pool;
  return pool == Millis(0) ? own : std::min(own, pool);
}

/// Makes sure that the worker is looked at in time. A timer that is set already and comes first stays: under
/// load it is moved once in kStall, and not with each job.
void Scheduler::arm(Worker& worker, Turn&) {
  if (worker.kill_reason != KillReason::none || worker.channel.empty()) return;
  const Job& job = *worker.channel.front().job;
  std::optional<Instant> next;
  const Instant stall = worker.head_since + kStall;
  if ((worker.channel.size() > 1 && !worker.revoking) || (job.durable() && !job.start_written)) next = stall;
  if (const Millis limit = run_limit(worker, job); limit > Millis(0)) {
    next = std::min<Instant>(next.value_or(worker.head_since + limit), worker.head_since + limit);
  }
  if (!next) return;
  if (worker.place != kNotInHeap && worker.due <= next->time_since_epoch().count()) return;
  set_timer(worker, *next);
}

}  // namespace promised
