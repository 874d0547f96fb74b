// SPDX-License-Identifier: Apache-2.0
// Who runs what next. A worker runs the first job of its channel; what stands behind it is prefetched: it
// counts as pending, and is taken back when the first takes long, so that a short job never waits behind a
// long one while another worker is free.
#include <algorithm>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {

/// What has never run may be long: it is not put behind another.
Nanos Scheduler::usual_run(const Job& job) {
  return job.function->usual_run.value_or(kPrefetchWindow);
}

/// `quotas`: quota_text() of those that its jobs have.
Lane& Scheduler::lane(const std::string& queue, Function& function, const std::string& quotas) {
  if (Lane* known = lanes_.find(queue, function, quotas); known != nullptr) return *known;
  const Queue* known = lanes_.find_queue(queue);
  const bool has_no_rule = known == nullptr || known->lanes.empty();
  Lane& lane = lanes_.make(queue, function, quotas);
  if (has_no_rule && steering_.rule(queue) != QueueRule()) apply_rule(queue);
  for (Pool* pool : function.offered_by) {
    if (pool->settings->serves(queue)) lanes_.serve(lane, pool->ready);
  }
  return lane;
}

Job& Scheduler::make_job(const JobId& id, std::uint32_t owner, const std::string& function_name,
                         const std::string& queue, const std::string& quotas) {
  Job& job = jobs_.make(id);
  job.owner = owner;
  accounts_.job_made(owner, job.state);
  job.function = &function(function_name);
  lanes_.enter(job, lane(queue, *job.function, quotas));
  return job;
}

/// Queues that nobody uses any more are forgotten, and functions that only a job once had.
void Scheduler::drop_stale_lanes(Turn& t) {
  while (Lane* lane = lanes_.stale()) {
    Function& function = *lane->function;
    if (lane->queue->lanes.size() == 1) leave_rule(*lane->queue, t);
    lanes_.erase(*lane);
    forget_unused(function);
  }
}

void Scheduler::forget_unused(const Function& function) {
  if (function.lanes.empty() && function.offers == 0) functions_.erase(function.name);
}

/// Puts a pending job where its submission order and priority belong.
void Scheduler::enqueue(Job& job, Turn& t) {
  if (job.queued == Instant{}) job.queued = t.now.steady;
  lanes_.push(job);
  expire_in_time(job);
  for (Pool* pool : job.function->offered_by) pool->dirty = true;
}

void Scheduler::fill(Pool& pool, Turn& t) {
  if (draining_ || stalled_) return;
  while (LaneSeat* seat = lanes_.next(pool.ready)) {
    Worker* worker = choose(pool, *seat->lane->best(), t);
    if (worker == nullptr) {
      grow(pool, t);
      // Of two programs one may have free workers, to which that job's function is unknown.
      if (!pool.has_two_programs()) break;
      seat = lanes_.next_of(pool.ready, [&](const Function& f) { return can_begin(pool, f); });
      if (seat == nullptr) break;
      worker = choose(pool, *seat->lane->best(), t);
    }
    dispatch(*worker, *seat, t);
  }
  // Who has been given the last job of its life is replaced while it runs.
  if (pool.settings->recycle_jobs != 0) start_workers(pool, t);
}

/// A worker with nothing to do; else, if the job may be prefetched, the one with the least to do.
Worker* Scheduler::choose(const Pool& pool, const Job& job, const Turn& t) const {
  if (!pool.resuming.empty()) return nullptr;  // they have waited for their slots longer
  const bool may_begin = has_free_slot(pool);
  const std::uint32_t fixed = pool.settings->prefetch;
  const bool may_prefetch = fixed != 1 && !job.at_most_once;
  const Nanos usual = usual_run(job);
  Worker* best = nullptr;
  for (Worker* worker : pool.workers) {
    if (!worker->takes(*job.function)) continue;
    if (worker->channel.empty() && may_begin) return worker;
    if (worker->channel.empty()) continue;
    if (!may_prefetch || worker->channel.is_closed()) continue;
    // Behind a job that takes long nothing is put: it would be taken back at once.
    if (t.now.steady - worker->channel.first_since() >= kStall) continue;
    const bool room = fixed > 1 ? worker->channel.size() < fixed
                                : worker->channel.size() < kMostPrefetched &&
                                      worker->channel.load() + usual <= kPrefetchWindow;
    if (room && (best == nullptr || worker->channel.load() < best->channel.load())) best = worker;
  }
  return best;
}

/// Whether a job could begin there now.
bool Scheduler::can_begin(const Pool& pool, const Function& function) {
  if (!pool.resuming.empty() || !has_free_slot(pool)) return false;
  return std::any_of(pool.workers.begin(), pool.workers.end(), [&](const Worker* worker) {
    return worker->channel.empty() && worker->takes(function);
  });
}

void Scheduler::dispatch(Worker& worker, LaneSeat& seat, Turn& t) {
  Job& job = lanes_.take(seat, t.now.steady);
  if (Queue& queue = *job.lane->queue; queue.spent) set_timer(queue, queue.opens);
  const Nanos estimate = usual_run(job);
  job.worker = &worker;
  const std::uint32_t sequence = worker.channel.put(job, estimate).sequence;
  effect::Dispatch order{worker.id,
                         {.sequence = sequence,
                          .id = job.id,
                          .function = worker.offer->index.at(job.function),
                          .attempt = job.attempts + 1U},
                         job.arguments};
  if (job.at_most_once && job.durable()) {
    // Its start is on disk before it begins, so that no restart runs it again. It is alone in the channel:
    // nothing can overtake the order while that waits for the disk.
    write(job, t);
    t.plan.changes.emplace_back(change::StartJob{job.id, job.attempts + 1U});
    job.start_written = true;
    worker.channel.close_until(next_batch());
    t.plan.after_commit.emplace_back(std::move(order));
  } else {
    t.plan.effects.emplace_back(std::move(order));
  }
  if (worker.channel.size() == 1) {
    begin(worker, t);
  } else {
    arm(worker, t);
  }
}

/// The first of the channel counts as running from now on.
void Scheduler::begin(Worker& worker, Turn& t) {
  Job& job = *worker.channel.front().job;
  clear_timer(job);
  begin_anew(job);
  set_state(job, State::running);
  ++job.attempts;
  job.began = t.now.steady;
  job.started = t.now.wall;
  worker.heard = t.now.steady;
  worker.channel.start_first(t.now.steady);
  waited_.record(job.began - job.queued, t.now.steady);
  happened(EventKind::started, job, t);
  arm(worker, t);
  if (job.cancel_asked && !worker.channel.is_revoking()) stop_cancelled(worker, t);
}

void Scheduler::revoke(Worker& worker, Turn& t) {
  if (!worker.channel.begin_revoking()) return;
  t.plan.effects.emplace_back(effect::RevokeUnclaimed{worker.id, worker.channel.next_sequence()});
}

}  // namespace promised
