// SPDX-License-Identifier: Apache-2.0
// Workers come, say what they can run, and go; a pool whose workers come to nothing is failing (SEMANTICS
// I7).
#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{30'000};
/// A worker that goes sooner, without having run a job, has not really started.
constexpr std::chrono::seconds kSettled{1};

std::string describe(const event::WorkerGone& gone) {
  if (!gone.protocol_error.empty()) return "it broke the worker protocol: " + gone.protocol_error;
  if (gone.signal != 0) {
    return "it was killed by signal " + std::to_string(gone.signal) + " (" + strsignal(gone.signal) + ")";
  }
  return "it exited with status " + std::to_string(gone.exit_code);
}

/// The end of what the worker wrote, as one line.
std::string last_words(const std::string& output) {
  constexpr std::size_t kMost = 200;
  std::string text = output.substr(output.size() > kMost ? output.size() - kMost : 0);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.empty() ? std::string() : "; it wrote: " + text;
}

}  // namespace

void Scheduler::on(event::WorkerStarted&& e, Turn&) {
  if (Worker* worker = find_worker(e.worker); worker != nullptr) worker->pid = e.pid;
}

void Scheduler::on(event::WorkerReady&& e, Turn& t) {
  Worker* worker = find_worker(e.worker);
  if (worker == nullptr || worker->phase != Worker::Phase::starting) return;
  Pool& pool = *worker->pool;
  if (e.functions.empty()) {
    kill(*worker, KillReason::no_function, t);
    return;
  }
  auto offer = std::make_shared<Offer>();
  for (std::uint32_t i = 0; i < e.functions.size(); ++i)
    offer->index.emplace(&function(e.functions[i].name), i);
  offer->functions = std::move(e.functions);
  worker->offer = pool.offer != nullptr && pool.offer->functions == offer->functions ? pool.offer : offer;
  if (worker->offer != pool.offer) adopt_offer(pool, worker->offer);
  worker->phase = Worker::Phase::ready;
  clear_timer(*worker);
  pool.dirty = true;
  if (std::exchange(pool.phase, Pool::Phase::ready) != Pool::Phase::ready) {
    start_workers(pool, t);
    retry_held(t);
  }
}

/// The pool's functions are now these; its lanes follow.
void Scheduler::adopt_offer(Pool& pool, std::shared_ptr<const Offer> offer) {
  for (auto& [name, function] : functions_) {
    const bool had = pool.offer != nullptr && pool.offer->has(*function);
    const bool has = offer->has(*function);
    if (had == has) continue;
    if (!has) {
      std::erase(function->offered_by, &pool);
      for (Lane* lane : function->lanes) lanes_.unserve(*lane, pool.ready);
      continue;
    }
    function->offered_by.push_back(&pool);
    function->offered = true;
    for (Lane* lane : function->lanes) {
      if (pool.settings->serves(lane->queue->name)) lanes_.serve(*lane, pool.ready);
    }
  }
  pool.offer = std::move(offer);
}

void Scheduler::start_workers(Pool& pool, Turn& t) {
  if (draining_) return;
  // After a failure one worker shows whether it is any better now; the others follow when it is ready.
  const std::size_t wanted = pool.phase == Pool::Phase::failing ? 1 : pool.settings->size;
  while (pool.workers.size() < wanted) {
    const WorkerId id{next_worker_++};
    auto& worker = workers_[id];
    worker = std::make_unique<Worker>(id, pool);
    worker->started = t.now.steady;
    pool.workers.push_back(worker.get());
    t.plan.effects.emplace_back(effect::StartWorker{id, pool.index});
    set_timer(*worker, t.now.steady + pool.settings->start_timeout);
  }
}

void Scheduler::pool_failed(Pool& pool, std::string reason, Turn& t) {
  const auto pause = kFirstPause * (1U << std::min(pool.failures, 9U));
  ++pool.failures;
  pool.reason = std::move(reason);
  if (!draining_) set_timer(pool, t.now.steady + std::min<std::chrono::milliseconds>(pause, kLongestPause));
  const bool serves = std::any_of(pool.workers.begin(), pool.workers.end(),
                                  [](const Worker* w) { return w->phase == Worker::Phase::ready; });
  if (!serves && std::exchange(pool.phase, Pool::Phase::failing) == Pool::Phase::starting) retry_held(t);
}

void Scheduler::on(event::WorkerStartFailed&& e, Turn& t) {
  Worker* worker = find_worker(e.worker);
  if (worker == nullptr) return;
  Pool& pool = *worker->pool;
  remove_worker(*worker);
  pool_failed(pool, std::move(e.reason), t);
}

void Scheduler::remove_worker(Worker& worker) {
  clear_timer(worker);
  std::erase(worker.pool->workers, &worker);
  workers_.erase(worker.id);
}

void Scheduler::kill(Worker& worker, KillReason reason, Turn& t) {
  if (worker.kill_reason != KillReason::none) return;
  worker.kill_reason = reason;
  worker.killed_hard = reason != KillReason::run_timeout && reason != KillReason::cancelled;
  t.plan.effects.emplace_back(effect::KillWorker{worker.id, worker.killed_hard ? SIGKILL : SIGTERM});
  clear_timer(worker);
  if (!worker.killed_hard) set_timer(worker, t.now.steady + worker.pool->settings->kill_grace);
}

void Scheduler::on(event::WorkerGone&& e, Turn& t) {
  Worker* worker = find_worker(e.worker);
  if (worker == nullptr) return;
  Pool& pool = *worker->pool;
  worker->revoking = false;
  // What begun job there is was the worker's last; all others go back as if nothing had been.
  give_back(*worker, e.first_unclaimed, t);
  const bool had_job = !worker->channel.empty();
  if (had_job) keep_printed(*worker->channel.front().job, std::move(e.printed));
  while (!worker->channel.empty()) {
    Job& job = *worker->channel.front().job;
    worker->channel.pop_front();
    job.worker = nullptr;
    lost_with_worker(job, *worker, e, t);
  }
  const bool asked_to = worker->kill_reason != KillReason::none || worker->phase == Worker::Phase::stopping;
  if (!asked_to) ++pool.crashes;
  const bool came_to_nothing =
      worker->phase == Worker::Phase::starting ||
      (!asked_to && !had_job && worker->ran == 0 && t.now.steady - worker->started < kSettled);
  std::string reason = pool.settings->program + ": ";
  if (worker->kill_reason == KillReason::no_function) {
    reason += "it registered no function";
  } else if (worker->kill_reason == KillReason::start_timeout) {
    reason += "it did not say what it can run within start_timeout (" +
              std::to_string(pool.settings->start_timeout.count()) + " ms)";
  } else {
    reason += describe(e) + (worker->phase == Worker::Phase::starting ? " before it was ready"
                                                                      : " as soon as it was ready");
  }
  remove_worker(*worker);
  if (came_to_nothing) {
    pool_failed(pool, reason + last_words(e.output), t);
  } else if (pool.place == kNotInHeap) {
    start_workers(pool, t);
  }
}

}  // namespace promised
