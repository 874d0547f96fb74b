// SPDX-License-Identifier: Apache-2.0
// Jobs that wait for other jobs (SEMANTICS C8). One that waits gives its slot to the pool: another worker may
// take its place, so that it never starves what it waits for. When that has ended it gets a slot again before
// new jobs begin. A wait that would close a circle is refused.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

std::string described(const std::vector<const Job*>& circle) {
  std::string text = described(*circle.front());
  if (circle.size() == 1) return text + " would wait for itself";
  for (std::size_t i = 1; i <= circle.size(); ++i)
    text += (i == 1 ? " would wait for " : ", which waits for ") + described(*circle[i % circle.size()]);
  return "a circle of waits: " + text;
}

message::Resume unknown(std::uint32_t sequence, const JobId& id) {
  return {
      sequence, "no_such_future",
      "there is no job " + id.text() + " to wait for: it is gone, or was never there, or is another user's"};
}

}  // namespace

void Scheduler::on(event::AttemptWaits&& e, Turn& t) {
  Job* job = reporting(e.worker, e.sequence, t);
  if (job == nullptr) return;
  Worker& worker = *job->worker;
  if (worker.wait != Worker::Wait::none && job->cancel_asked) {
    // Its first wait has ended by that, before it had a slot again.
    t.plan.effects.emplace_back(
        effect::SendResume{worker.id, {e.sequence, "cancelled", "the job was cancelled"}});
    return;
  }
  if (worker.wait != Worker::Wait::none) {
    ++stale_reports_;
    kill_for_fault(worker, "it said that its job waits for others, while that waits already", t);
    return;
  }
  std::sort(e.ids.begin(), e.ids.end());
  e.ids.erase(std::unique(e.ids.begin(), e.ids.end()), e.ids.end());
  if (auto refused = refuse_wait(worker, e.ids)) {
    t.plan.effects.emplace_back(effect::SendResume{worker.id, std::move(*refused)});
    return;
  }
  std::erase_if(e.ids, [&](const JobId& id) {
    const Job* target = jobs_.find(id);
    return target != nullptr && target->ended();
  });
  if (e.ids.empty()) {
    worker.heard = t.now.steady;
    t.plan.effects.emplace_back(effect::SendResume{worker.id, {e.sequence, {}, {}}});
    return;
  }
  begin_waiting(worker, std::move(e.ids), t);
}

/// Why the job of this worker must not wait for these; nothing: it may.
std::optional<message::Resume> Scheduler::refuse_wait(const Worker& worker,
                                                      const std::vector<JobId>& ids) const {
  const Job& job = *worker.channel.front().job;
  const std::uint32_t sequence = worker.channel.front().sequence;
  if (job.cancel_asked) return message::Resume{sequence, "cancelled", "the job was cancelled"};
  for (const JobId& id : ids) {
    const Job* target = jobs_.find(id);
    // Of one that waits on disk alone it shows when it has been read.
    const bool there = target == nullptr ? backlog_ids_.contains(id) : may_wait_for(worker, job, *target);
    if (!there) return unknown(sequence, id);
  }
  if (const auto closed = circle(job, ids); !closed.empty()) {
    return message::Resume{sequence, "deadlock", described(closed)};
  }
  const std::uint32_t most = settings_.limits.max_waiting;
  if (worker.pool->waiting >= most) {
    return message::Resume{sequence, "limit",
                           "max_waiting (" + std::to_string(most) + ") is reached: so many jobs of pool " +
                               worker.pool->settings->name +
                               " wait for others already; wait in fewer of them, or raise it in section "
                               "[limits]"};
  }
  return std::nullopt;
}

/// What its owner may, and what its process submits or could see as the daemon's own user. By default nobody
/// learns of others' jobs.
bool Scheduler::may_wait_for(const Worker& worker, const Job& job, const Job& target) const {
  return may_wait_for(worker.settings->user.empty(), worker.pid, job, target);
}

bool Scheduler::may_wait_for(bool as_daemon, pid_t session, const Job& job, const Job& target) const {
  if (target.owner == job.owner) return true;
  if (as_daemon && gate_.is_self(target.owner)) return true;
  const Session* submitter = sessions_.find(target.submitter);
  return submitter != nullptr && session != 0 && submitter->who.session == session;
}

/// The jobs, each waiting for the next, by which `job` would wait for itself if it waited for these; empty:
/// it would not.
std::vector<const Job*> Scheduler::circle(const Job& job, const std::vector<JobId>& ids) const {
  std::unordered_map<JobId, const Job*> reached;  // and from where
  std::vector<std::pair<const Job*, std::vector<JobId>>> ahead{{&job, ids}};
  while (!ahead.empty()) {
    const auto [from, awaited] = std::move(ahead.back());
    ahead.pop_back();
    for (const JobId& id : awaited) {
      if (!reached.emplace(id, from).second) continue;
      const Job* target = jobs_.find(id);
      if (target == &job) {
        std::vector<const Job*> way;
        for (const Job* step = from; step != &job; step = reached.at(step->id)) way.push_back(step);
        way.push_back(&job);
        std::reverse(way.begin(), way.end());
        return way;
      }
      if (target != nullptr && target->state == State::waiting)
        ahead.emplace_back(target, awaited_by(*target));
    }
  }
  return {};
}

/// The circle of waits that there would be if the job waited for that one; empty: none.
std::string Scheduler::closed_circle(const Job& job, const JobId& id) const {
  const auto closed = circle(job, {id});
  return closed.empty() ? std::string() : described(closed);
}

void Scheduler::begin_waiting(Worker& worker, std::vector<JobId> ids, Turn& t) {
  Pool& pool = *worker.pool;
  for (const JobId& id : ids) {
    if (Job* target = jobs_.find(id); target != nullptr) {
      target->listeners().waited_by.push_back(worker.id);
      continue;
    }
    auto& waiting = jobs_wait_for_backlog_[id];
    if (waiting.empty()) t.plan.effects.emplace_back(effect::LoadJob{id});
    waiting.push_back(worker.id);
  }
  worker.waits = std::move(ids);
  worker.waits_since = t.now.steady;
  worker.wait = Worker::Wait::waiting;
  ++pool.waiting;
  pool.dirty = true;
  set_state(*worker.channel.front().job, State::waiting);
  lanes_.give_back(*worker.channel.front().job);
  if (worker.channel.may_hold_prefetched()) revoke(worker, t);
  // Where the pool is pausing after a failed start its timer does this.
  if (pool.place == kNotInHeap) start_workers(pool, t);
  arm(worker, t);
}

/// Those who wait for the end of this job need not any more.
void Scheduler::wake_waiting(Job& ended, Turn&) {
  for (const WorkerId id : std::exchange(ended.audience()->waited_by, {})) {
    Worker& worker = *find_worker(id);
    std::erase(worker.waits, ended.id);
    if (worker.waits.empty()) end_wait(worker, {worker.channel.front().sequence, {}, {}}, Turned::last);
  }
}

/// It has been read, if it was there: those who wait for it are known to it now.
void Scheduler::found_in_backlog(const JobId& id, Turn& t) {
  found_for_heirs(id, t);
  auto waiting = jobs_wait_for_backlog_.extract(id);
  if (waiting.empty()) return;
  Job* target = jobs_.find(id);
  for (const WorkerId worker_id : waiting.mapped()) {
    Worker& worker = *find_worker(worker_id);
    const std::uint32_t sequence = worker.channel.front().sequence;
    if (target == nullptr || !may_wait_for(worker, *worker.channel.front().job, *target)) {
      end_wait(worker, unknown(sequence, id), Turned::last);
    } else if (!target->ended()) {
      target->listeners().waited_by.push_back(worker_id);
    } else if (std::erase(worker.waits, id) > 0 && worker.waits.empty()) {
      end_wait(worker, {sequence, {}, {}}, Turned::last);
    }
  }
}

/// The job goes on when its quotas are free, and there is a slot for it.
void Scheduler::end_wait(Worker& worker, message::Resume resume, Turned turned) {
  Pool& pool = *worker.pool;
  const Job& job = *worker.channel.front().job;
  leave_waited(worker);
  const bool claims = std::exchange(worker.wait, Worker::Wait::resuming) == Worker::Wait::waiting;
  worker.resume = std::move(resume);
  if (job.lane->caps != nullptr && !job.has_quotas) {
    if (claims) lanes_.claim(job);
    std::erase(want_quotas_, &worker);
    want_quotas_.insert(turned == Turned::first ? want_quotas_.begin() : want_quotas_.end(), &worker);
    return;
  }
  std::erase(pool.resuming, &worker);
  pool.resuming.insert(turned == Turned::first ? pool.resuming.begin() : pool.resuming.end(), &worker);
  pool.dirty = true;
}

/// Those that have them wait for a slot, with them.
void Scheduler::take_quotas_again() {
  std::erase_if(want_quotas_, [&](Worker* worker) {
    if (!lanes_.take_claimed(*worker->channel.front().job)) return false;
    worker->pool->resuming.push_back(worker);
    worker->pool->dirty = true;
    return true;
  });
}

/// It is not among those any more who wait for what it waited for.
void Scheduler::leave_waited(Worker& worker) {
  for (const JobId& id : std::exchange(worker.waits, {})) {
    if (Job* target = jobs_.find(id); target != nullptr && target->audience() != nullptr)
      std::erase(target->audience()->waited_by, worker.id);
    if (const auto reading = jobs_wait_for_backlog_.find(id); reading != jobs_wait_for_backlog_.end())
      std::erase(reading->second, worker.id);
  }
}

/// The run is over without having gone on.
void Scheduler::give_up_wait(Worker& worker, const Job& job) {
  leave_waited(worker);
  if (std::erase(want_quotas_, &worker) > 0) lanes_.drop_claim(job);
  std::erase(worker.pool->resuming, &worker);
  worker.wait = Worker::Wait::none;
  --worker.pool->waiting;
}

bool Scheduler::has_free_slot(const Pool& pool) {
  if (pool.waiting == 0 && pool.workers.size() <= pool.slots()) return true;
  const auto runs = [](const Worker* w) { return !w->channel.empty() && w->wait == Worker::Wait::none; };
  const auto running = std::count_if(pool.workers.begin(), pool.workers.end(), runs);
  return static_cast<std::size_t>(running) < pool.slots();
}

/// As far as there are slots. What workers hold ready beside the job that they run must not go first.
void Scheduler::resume_waiting(Pool& pool, Turn& t) {
  while (!pool.resuming.empty() && has_free_slot(pool)) {
    Worker& worker = *pool.resuming.front();
    pool.resuming.pop_front();
    go_on(worker, t);
  }
  if (pool.resuming.empty()) return;
  for (Worker* worker : pool.workers) {
    if (worker->channel.may_hold_prefetched()) revoke(*worker, t);
  }
}

/// Its time of running and of silence goes on where it stood when it began to wait.
void Scheduler::go_on(Worker& worker, Turn& t) {
  const Nanos waited = t.now.steady - worker.waits_since;
  worker.wait = Worker::Wait::none;
  --worker.pool->waiting;
  worker.channel.pause_first(waited);
  worker.heard = t.now.steady;
  set_state(*worker.channel.front().job, State::running);
  t.plan.effects.emplace_back(effect::SendResume{worker.id, std::exchange(worker.resume, {})});
  arm(worker, t);
}

}  // namespace promised
