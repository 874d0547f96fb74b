// SPDX-License-Identifier: Apache-2.0
// Why a job is not running (SEMANTICS M3): from the scheduler's own state, in this moment. One function a
// reason; reasons_to_wait() lists those of a job that waits in its queue. JobView::reason is the first of
// them in words.
#include <algorithm>
#include <utility>

#include "common/units.hpp"
#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Jobs that one reason names.
constexpr std::size_t kMostNamed = 10;
/// Jobs before another that are counted one by one.
constexpr std::uint64_t kMostCounted = 1000;

/// Of two jobs of one lane (SEMANTICS Q1).
bool goes_before(const Job& a, const Job& b) {
  const std::chrono::microseconds ageing = a.lane->queue->policy.ageing;
  const auto turn = [&](const Job& job) { return job.place_in_queue() - job.priority * ageing; };
  if (ageing.count() == 0 && a.priority != b.priority) return a.priority > b.priority;
  return std::pair(turn(a), a.place_in_queue()) < std::pair(turn(b), b.place_in_queue());
}

std::string jobs(std::uint64_t count) {
  return count == 1 ? "1 job" : std::to_string(count) + " jobs";
}

}  // namespace

/// A job that is being explained, and what has been found so far.
struct Scheduler::Why {
  const Job& job;
  Now now{};
  const Asked* asked = nullptr;  ///< null: for JobView::reason, which names no other jobs
  std::vector<WaitReason> found{};

  void add(std::string code, std::string text, std::string subject = {}) {
    found.push_back({std::move(code), std::move(text), std::move(subject)});
  }
};

/// Of a job that waits in its queue, the broadest first.
std::span<const Scheduler::WhyNot> Scheduler::reasons_to_wait() {
  static constexpr WhyNot kAll[] = {&Scheduler::why_stopping, &Scheduler::why_disk,  &Scheduler::why_paused,
                                    &Scheduler::why_rate,     &Scheduler::why_quota, &Scheduler::why_on_disk,
                                    &Scheduler::why_function, &Scheduler::why_pools, &Scheduler::why_behind};
  return kAll;
}

void Scheduler::on(Asked& asked, message::Explain& explain, Turn& t) {
  const Job* job = find(asked, explain.key, Touch::look, t);
  if (job == nullptr) return;
  Why why{*job, t.now, &asked};
  if (job->ended()) {
    why_ended(why);
  } else if (job->state == State::running) {
    why_running(why);
  } else if (job->state == State::waiting && job->worker != nullptr) {
    why_waiting(why);
  } else if (job->worker != nullptr) {
    why_next(why);
  } else if (waits_for_kin(*job)) {
    why_kin(why);
  } else if (Schedule::contains(*job)) {
    why_moment(why);
  } else {
    for (const WhyNot not_yet : reasons_to_wait()) (this->*not_yet)(why);
  }
  if (job->cancel_asked && !job->ended()) why.add("cancelling", "it is to stop: " + job->story().reason);
  reply(asked.event.session, asked.number(), message::Explained{{job->id, job->state, std::move(why.found)}},
        false, t);
}

/// What keeps it first of all, in words.
std::string Scheduler::why_waiting(const Job& job) const {
  if (job.ended() || job.cancel_asked) return job.story().reason;
  if (job.state == State::running) return {};
  Why why{job};
  if (job.state == State::waiting && job.worker != nullptr) {
    why_waiting(why);
  } else if (job.worker != nullptr) {
    why_next(why);
  } else if (waits_for_kin(job)) {
    why_kin(why);
  } else if (Schedule::contains(job)) {
    why_moment(why);
  } else {
    for (const WhyNot not_yet : reasons_to_wait()) {
      if (why.found.empty()) (this->*not_yet)(why);
    }
  }
  std::string text;
  for (const WaitReason& reason : why.found) text += (text.empty() ? "" : "; ") + reason.text;
  return text;
}

void Scheduler::why_ended(Why& why) {
  std::string text = "it has ended: " + std::string(to_string(why.job.state));
  if (!why.job.story().reason.empty()) text += ", " + why.job.story().reason;
  why.add("ended", std::move(text));
}

void Scheduler::why_running(Why& why) {
  const Worker& worker = *why.job.worker;
  const std::string& pool = worker.pool->settings->name;
  why.add("running", "it runs on worker " + std::to_string(worker.pid) + " of pool " + pool, pool);
}

/// It waits for others, within its run.
void Scheduler::why_waiting(Why& why) const {
  const Worker& worker = *why.job.worker;
  if (worker.wait == Worker::Wait::resuming) {
    const std::string& pool = worker.pool->settings->name;
    const bool needs_quotas = why.job.lane->caps != nullptr && !why.job.has_quotas;
    why.add("resuming",
            "it has waited for others, and goes on as soon as pool " + pool + " has a free slot" +
                (needs_quotas ? " and its quotas are free" : ""),
            pool);
    return;
  }
  const std::size_t count = worker.waits.size();
  why.add("waits_for", "it waits for " + std::to_string(count) + (count == 1 ? " other job" : " other jobs"));
  for (const JobId& id : worker.waits) {
    if (const Job* other = jobs_.find(id); other != nullptr) name(*other, why);
  }
  why.found.back().count = count;
}

void Scheduler::why_next(Why& why) {
  why.add("next", "next in the channel of worker " + std::to_string(why.job.worker->pid));
}

/// It waits for other jobs, without a worker.
void Scheduler::why_kin(Why& why) const {
  const std::vector<JobId> awaited = awaited_by(why.job);
  why.add("waits_for", why_kin_waits(why.job));
  for (const JobId& id : awaited) {
    if (const Job* other = jobs_.find(id); other != nullptr) name(*other, why);
  }
  why.found.back().count = awaited.size();
}

/// It is in no queue before that.
void Scheduler::why_moment(Why& why) {
  const WallTime moment = why.job.timing()->moment;
  if (why.job.state == State::scheduled) {
    why.add("scheduled", "it begins after " + format_time(moment));
  } else {
    why.add("retry", "its next attempt begins after " + format_time(moment));
  }
  why.found.back().until = moment;
}

void Scheduler::why_stopping(Why& why) const {
  if (draining_) why.add("stopping", "the daemon is stopping");
}

void Scheduler::why_disk(Why& why) const {
  if (stalled_) why.add("disk", "no job begins until the disk has taken what waits for it (max_unwritten)");
}

void Scheduler::why_paused(Why& why) const {
  const Queue& queue = *why.job.lane->queue;
  if (queue.paused) why.add("paused", "queue " + queue.name + " is paused", queue.name);
}

void Scheduler::why_rate(Why& why) const {
  const Queue& queue = *why.job.lane->queue;
  if (!queue.spent) return;
  why.add("rate",
          "queue " + queue.name + " has begun as many jobs as its rate (" +
              format_rate(steering_.rule(queue.name).rate) + ") allows",
          queue.name);
  why.found.back().until =
      why.now.wall + std::chrono::ceil<std::chrono::microseconds>(queue.opens - why.now.steady);
}

/// Each of its quotas that is full.
void Scheduler::why_quota(Why& why) const {
  if (why.job.lane->caps == nullptr) return;
  for (const Cap* cap : why.job.lane->caps->caps) {
    if (!cap->full()) continue;
    const Quota& quota = *cap->quota;
    why.add("quota", "the quota \"" + quota.name + "\" is full", quota.name);
    if (why.asked == nullptr) continue;
    why.found.back().text += ": " + jobs(quota.running) + " of at most " + std::to_string(cap->size()) +
                             (quota.running == 1 ? " holds it" : " hold it");
    if (quota.claimed > 0)
      why.found.back().text +=
          ", and " + jobs(quota.claimed) + " that " +
          (quota.claimed == 1 ? "has waited for others is" : "have waited for others are") +
          " to have it again first";
    why.found.back().count = quota.running + quota.claimed;
    name_holders(quota, why);
  }
}

/// The jobs that have it, which stand in the channels of workers, and those that have claimed it.
void Scheduler::name_holders(const Quota& quota, Why& why) const {
  const auto names_it = [&](const Job& job) {
    const CapSet* caps = job.lane->caps;
    return caps != nullptr && std::any_of(caps->caps.begin(), caps->caps.end(),
                                          [&](const Cap* cap) { return cap->quota == &quota; });
  };
  for (const auto& [id, worker] : workers_) {
    for (const Worker::Slot& slot : worker->channel) {
      if (slot.job->has_quotas && names_it(*slot.job)) name(*slot.job, why);
    }
  }
  for (const Worker* worker : want_quotas_) {
    if (const Job& job = *worker->channel.front().job; names_it(job)) name(job, why);
  }
}

/// In the last reason: another job, if who asks may know of it.
void Scheduler::name(const Job& other, Why& why) const {
  std::vector<JobId>& named = why.found.back().jobs;
  if (why.asked != nullptr && named.size() < kMostNamed && may(*why.asked, other, Touch::look))
    named.push_back(other.id);
}

/// Others of its function and quotas; or the next of its queue, which nothing overtakes.
void Scheduler::why_on_disk(Why& why) const {
  const auto& seats = why.job.lane->seats;
  const bool is_held_up = std::any_of(seats.begin(), seats.end(), [](const auto& seat) {
    const QueueSeat& in = *seat->queue;
    return in.from_disk && !in.lanes.empty() && LaneSeatLess()(*in.lanes.top(), *seat);
  });
  if (why.job.on_disk || why.job.behind || is_held_up)
    why.add("on_disk", "others are before it, and wait on disk");
}

/// A pool that has never been ready may be the one that offers it.
void Scheduler::why_function(Why& why) const {
  const Function& function = *why.job.function;
  if (!function.offered_by.empty()) return;
  const std::size_t before = why.found.size();
  for (const Pool& pool : pools_) {
    const bool may_offer = pool.offer == nullptr && pool.phase == Pool::Phase::failing;
    if (may_offer && pool.settings->serves(why.job.lane->queue->name)) why_pool(pool, why);
  }
  const char* const which = why.found.size() == before ? "no pool" : "no other pool";
  why.add("no_function", which + (" offers the function " + function.name), function.name);
}

void Scheduler::why_pools(Why& why) const {
  for (const Pool* pool : why.job.function->offered_by) why_pool(*pool, why);
}

void Scheduler::why_pool(const Pool& pool, Why& why) const {
  const std::string& name = pool.settings->name;
  const auto is_ready = [](const Worker* w) { return w->phase == Worker::Phase::ready; };
  const bool serves = std::any_of(pool.workers.begin(), pool.workers.end(), is_ready);
  if (pool.phase == Pool::Phase::failing && !serves) {
    const char* const unknown = "; it has never been ready, and what it offers is not known";
    why.add("pool_failing",
            "pool " + name + " is failing: " + pool.reason + (pool.offer == nullptr ? unknown : ""), name);
    if (pool.place != kNotInHeap) {
      const auto wait = Nanos(pool.due) - why.now.steady.time_since_epoch();
      why.found.back().until = why.now.wall + std::chrono::ceil<std::chrono::microseconds>(wait);
    }
    return;
  }
  const std::string& queue = why.job.lane->queue->name;
  if (!pool.settings->serves(queue)) {
    why.add("pool_queues", "pool " + name + " does not take jobs of queue " + queue, name);
    return;
  }
  if (has_idle_worker(pool, *why.job.function)) {
    // While one program takes the place of another, those that are free may not have what goes first.
    const Job* first =
        pool.ready.queues.empty() ? nullptr : pool.ready.queues.top()->lanes.top()->lane->best();
    if (first == nullptr || has_idle_worker(pool, *first->function)) return;
    why.add("pool_busy",
            "pool " + name + " has no free worker with the function " + first->function->name +
                ", which a job calls that goes first",
            name);
    return;
  }
  const char* const none = serves ? " has no free worker" : " has no worker yet: one is starting";
  why.add("pool_busy",
          "pool " + name + none + (pool.is_short() ? ", and others do not start: " + pool.reason : ""), name);
  if (why.asked == nullptr) return;
  for (const Worker* worker : pool.workers) {
    if (worker->channel.empty() || worker->wait != Worker::Wait::none) continue;
    ++why.found.back().count;
    this->name(*worker->channel.front().job, why);
  }
}

/// Whether a job could begin there now.
bool Scheduler::has_idle_worker(const Pool& pool, const Function& function) {
  if (!pool.resuming.empty() || !has_free_slot(pool)) return false;
  return std::any_of(pool.workers.begin(), pool.workers.end(), [&](const Worker* worker) {
    return worker->phase == Worker::Phase::ready && worker->kill_reason == KillReason::none &&
           worker->channel.empty() && !worker->revoking && worker->offer->has(function) && !worker->spent();
  });
}

/// What is before it of the same function and quotas, in its queue. Where one waits on disk its place is not
/// known.
void Scheduler::why_behind(Why& why) const {
  const Job& job = why.job;
  if (why.asked == nullptr || !job.queued_in_lane || job.behind) return;
  const bool ages = job.lane->queue->policy.ageing != Millis(0);
  std::uint64_t before = 0;
  const Job* other = nullptr;
  for (const Lane::Band& band : job.lane->bands) {
    if (!ages && band.priority > job.priority) before += band.ready_count + band.on_disk;
    if (!ages && band.priority != job.priority) continue;
    for (other = band.ready.first; other != nullptr && before < kMostCounted; other = other->next) {
      if (!goes_before(*other, job)) break;
      ++before;
    }
    if (other != nullptr && goes_before(*other, job)) break;
    other = nullptr;
  }
  if (before == 0) return;
  const std::string& queue = job.lane->queue->name;
  why.add("behind",
          (other == nullptr ? "" : "at least ") + jobs(before) + " of its function and quotas " +
              (before == 1 ? "is" : "are") + " before it in queue " + queue,
          queue);
  why.found.back().count = before;
}

}  // namespace promised
