// SPDX-License-Identifier: Apache-2.0
// How many workers a pool has: as many as its jobs need, within its size, each stopped when it has had
// nothing to do for long, and replaced when it has run enough, is too old or too large (SEMANTICS I2). A
// worker always ends what it has begun; what stands behind that goes back, and nothing is counted.
#include <algorithm>
#include <bit>
#include <utility>

#include "common/printable.hpp"
#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Of those that `which` chooses, the one that is missed least: one that is still starting, else one that has
/// nothing to do, and of equals the newest. Null: it chooses none.
template <class Which>
Worker* least_needed(const Pool& pool, Which which) {
  const auto need = [](const Worker& worker) {
    if (worker.phase == Worker::Phase::starting) return 0;
    return worker.channel.empty() ? 1 : 2;
  };
  Worker* best = nullptr;
  for (Worker* worker : pool.workers) {
    if (which(*worker) && (best == nullptr || need(*worker) <= need(*best))) best = worker;
  }
  return best;
}

template <class Which>
std::size_t number_of(const Pool& pool, Which which) {
  return static_cast<std::size_t>(
      std::count_if(pool.workers.begin(), pool.workers.end(), [&](const Worker* w) { return which(*w); }));
}

/// Some took the place of others whose jobs waited for jobs, and do not any more.
bool has_surplus(const Pool& pool) {
  return number_of(pool, [&](const Worker& w) { return pool.keeps(w); }) > pool.wanted();
}

/// Jobs that the pool could run now, in memory and on disk; `most` if there are more.
std::uint64_t waiting_jobs(const Pool& pool, std::uint64_t most) {
  std::uint64_t jobs = 0;
  for (const QueueSeat* queue : pool.ready.queues.items()) {
    for (const LaneSeat* seat : queue->lanes.items()) {
      std::uint64_t of_lane = 0;
      for (const Lane::Band& band : seat->lane->bands) of_lane += band.ready_count + band.on_disk;
      jobs += seat->lane->caps == nullptr ? of_lane : std::min(of_lane, seat->lane->caps->room());
      if (jobs >= most) return most;
    }
  }
  return jobs;
}

}  // namespace

/// Up to what is wanted, unless a pause after a failure lasts.
void Scheduler::start_workers(Pool& pool, Turn& t) {
  if (draining_ || pool.phase == Pool::Phase::removed || pool.place != kNotInHeap) return;
  // After a failure one worker shows whether it is any better now, and so it does after a change; the others
  // follow when it is ready.
  const std::size_t wanted = pool.phase == Pool::Phase::failing || pool.unproven ? 1 : pool.wanted();
  for (std::size_t there = number_of(pool, [&](const Worker& w) { return pool.keeps(w); }); there < wanted;
       ++there) {
    const WorkerId id{next_worker_++};
    auto& worker = workers_[id];
    worker = std::make_unique<Worker>(id, pool);
    worker->started = t.now.steady;
    pool.workers.push_back(worker.get());
    t.plan.effects.emplace_back(effect::StartWorker{id, pool.settings});
    set_timer(*worker, t.now.steady + pool.settings->start_timeout);
  }
}

/// Jobs wait that no worker can take or hold ready: as many workers more as there are such jobs without one
/// that is on its way.
void Scheduler::grow(Pool& pool, Turn& t) {
  const std::uint32_t most = pool.settings->most();
  if (pool.target >= most || pool.phase != Pool::Phase::ready || pool.unproven || pool.place != kNotInHeap)
    return;
  const std::uint32_t room = most - pool.target;
  const std::uint64_t coming =
      number_of(pool, [](const Worker& w) { return w.phase == Worker::Phase::starting; });
  const std::uint64_t waiting = waiting_jobs(pool, coming + room);
  if (waiting <= coming) return;
  pool.target += static_cast<std::uint32_t>(waiting - coming);
  start_workers(pool, t);
}

/// Those leave that are more than wanted.
void Scheduler::shrink(Pool& pool, Turn& t) {
  const auto stays = [&](const Worker& w) { return pool.keeps(w); };
  for (std::size_t there = number_of(pool, stays); there > pool.wanted(); --there)
    retire(*least_needed(pool, stays), t);
}

/// Those leave in whose place others are ready.
void Scheduler::trim(Pool& pool, Turn& t) {
  const auto stays = [&](const Worker& w) { return pool.keeps(w); };
  const auto serves = [&](const Worker& w) { return stays(w) && w.phase == Worker::Phase::ready; };
  const auto is_replaced = [&](const Worker& w) {
    return w.phase == Worker::Phase::ready && !stays(w) && !w.spent();
  };
  std::size_t replaced = number_of(pool, is_replaced);
  for (const std::size_t there = number_of(pool, serves); replaced > 0 && there + replaced > pool.wanted();
       --replaced) {
    retire(*least_needed(pool, is_replaced), t);
  }
}

/// Lets the worker end what it has begun, and exit. That is no crash and no failure.
void Scheduler::retire(Worker& worker, Turn& t) {
  if (std::exchange(worker.phase, Worker::Phase::stopping) == Worker::Phase::stopping) return;
  if (!worker.channel.empty()) revoke(worker, t);
  t.plan.effects.emplace_back(effect::StopWorker{worker.id});
  await_exit(worker, t);
}

/// One that was told to exit and has nothing left to do must be gone within kill_grace.
void Scheduler::await_exit(Worker& worker, Turn& t) {
  if (!worker.channel.empty() || worker.kill_reason != KillReason::none) return;
  set_timer(worker, t.now.steady + worker.settings->kill_grace);
}

/// The worker is to be replaced; it serves until another is ready.
void Scheduler::wear_out(Worker& worker, Turn& t) {
  if (!worker.pool->keeps(worker)) return;
  worker.worn = true;
  start_workers(*worker.pool, t);
}

/// The worker has ended a job, or given all back.
void Scheduler::between_jobs(Worker& worker, Turn& t) {
  if (worker.phase == Worker::Phase::stopping) {
    await_exit(worker, t);
    return;
  }
  const PoolSettings& settings = *worker.settings;
  if (settings.recycle_time > Millis(0) && t.now.steady - worker.started >= settings.recycle_time)
    wear_out(worker, t);
  if (settings.recycle_memory != 0 && (worker.channel.empty() || t.now.steady - worker.measured >= kStall)) {
    worker.measured = t.now.steady;
    t.plan.effects.emplace_back(effect::MeasureWorker{worker.id});
  }
  if (!worker.channel.empty()) return;
  if (worker.spent()) {
    retire(worker, t);
  } else {
    rest(worker, t);
  }
}

void Scheduler::on(event::WorkerMeasured&& e, Turn& t) {
  Worker* worker = find_worker(e.worker);
  if (worker == nullptr || worker->settings->recycle_memory == 0) return;
  if (e.resident > worker->settings->recycle_memory) wear_out(*worker, t);
}

/// What it has not begun goes to others; the log has why for the first, and whenever there have been twice as
/// many.
void Scheduler::on(event::WorkerLeaves&& e, Turn& t) {
  Worker* worker = find_worker(e.worker);
  if (worker == nullptr || worker->phase != Worker::Phase::ready) return;
  Pool& pool = *worker->pool;
  if (std::has_single_bit(++pool.spoilt)) {
    const std::string count = pool.spoilt == 1 ? "" : " (" + std::to_string(pool.spoilt) + " so far)";
    t.plan.effects.emplace_back(
        effect::Log{effect::Log::Level::warning,
                    "a worker of pool " + pool.settings->name + " (pid " + std::to_string(worker->pid) +
                        ") is replaced: " + std::string(beginning_of(e.why, kMostShortText)) + count});
  }
  retire(*worker, t);
  start_workers(pool, t);
}

/// It has nothing to do from now on.
void Scheduler::rest(Worker& worker, Turn& t) {
  worker.idle_since = t.now.steady;
  watch_rest(worker, t);
}

/// Makes sure that a worker without a job is looked at when that has lasted too long, or the worker is too
/// old. A timer that comes sooner stays: it looks again.
void Scheduler::watch_rest(Worker& worker, Turn&) {
  const Pool& pool = *worker.pool;
  if (worker.phase != Worker::Phase::ready || worker.kill_reason != KillReason::none ||
      !worker.channel.empty() || !pool.keeps(worker))
    return;
  std::optional<Instant> next;
  if (pool.target > pool.settings->size) next = worker.idle_since + pool.settings->idle_time;
  if (has_surplus(pool)) {
    const Instant end = worker.idle_since + kKeepSurplus;
    next = std::min<Instant>(next.value_or(end), end);
  }
  if (const Millis age = worker.settings->recycle_time; age > Millis(0))
    next = std::min<Instant>(next.value_or(worker.started + age), worker.started + age);
  if (!next) return;
  if (worker.place != kNotInHeap && worker.due <= next->time_since_epoch().count()) return;
  set_timer(worker, *next);
}

/// After a while they go; they may be needed again.
void Scheduler::watch_surplus(Pool& pool, Turn& t) {
  trim(pool, t);
  if (pool.workers.size() <= pool.wanted() || !has_surplus(pool)) return;
  for (Worker* worker : pool.workers) watch_rest(*worker, t);
}

/// A moment has come in which the worker has no job.
void Scheduler::rested(Worker& worker, Turn& t) {
  Pool& pool = *worker.pool;
  if (worker.phase == Worker::Phase::stopping) {
    kill(worker, KillReason::stop, t);
    return;
  }
  if (!pool.keeps(worker)) return;
  if (has_surplus(pool) && t.now.steady - worker.idle_since >= kKeepSurplus) {
    retire(worker, t);
    return;
  }
  if (pool.target > pool.settings->size && t.now.steady - worker.idle_since >= pool.settings->idle_time) {
    --pool.target;
    retire(worker, t);
    return;
  }
  const Millis age = worker.settings->recycle_time;
  if (age > Millis(0) && t.now.steady - worker.started >= age) wear_out(worker, t);
  watch_rest(worker, t);
}

}  // namespace promised
