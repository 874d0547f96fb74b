// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/explainer.hpp"

#include <algorithm>
#include <utility>

#include "common/units.hpp"

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

std::span<const Scheduler::Explainer::Reason> Scheduler::Explainer::reasons_in_queue() {
  static constexpr Reason kAll[] = {&Explainer::stopping, &Explainer::disk,  &Explainer::paused,
                                    &Explainer::rate,     &Explainer::quota, &Explainer::on_disk,
                                    &Explainer::function, &Explainer::pools, &Explainer::behind};
  return kAll;
}

bool Scheduler::Explainer::explain_elsewhere() {
  if (job_.state == State::waiting && job_.worker != nullptr) {
    waiting();
  } else if (job_.worker != nullptr) {
    next();
  } else if (waits_for_kin(job_)) {
    kin();
  } else if (Schedule::contains(job_)) {
    moment();
  } else {
    return false;
  }
  return true;
}

std::vector<WaitReason> Scheduler::Explainer::all() && {
  if (job_.ended()) {
    ended();
  } else if (job_.state == State::running) {
    running();
  } else if (!explain_elsewhere()) {
    for (const Reason reason : reasons_in_queue()) (this->*reason)();
  }
  if (job_.cancel_asked && !job_.ended()) add("cancelling", "it is to stop: " + job_.story().reason);
  return std::move(found_);
}

std::string Scheduler::Explainer::first() && {
  if (job_.ended() || job_.cancel_asked) return job_.story().reason;
  if (job_.state == State::running) return {};
  if (!explain_elsewhere()) {
    for (const Reason reason : reasons_in_queue()) {
      if (found_.empty()) (this->*reason)();
    }
  }
  std::string text;
  for (const WaitReason& reason : found_) text += (text.empty() ? "" : "; ") + reason.text;
  return text;
}

void Scheduler::Explainer::ended() {
  std::string text = "it has ended: " + std::string(to_string(job_.state));
  if (!job_.story().reason.empty()) text += ", " + job_.story().reason;
  add("ended", std::move(text));
}

void Scheduler::Explainer::running() {
  const Worker& worker = *job_.worker;
  const std::string& pool = worker.pool->settings->name;
  add("running", "it runs on worker " + std::to_string(worker.pid) + " of pool " + pool, pool);
}

/// It waits for others, within its run.
void Scheduler::Explainer::waiting() {
  const Worker& worker = *job_.worker;
  if (worker.wait == Worker::Wait::resuming) {
    const std::string& pool = worker.pool->settings->name;
    const bool needs_quotas = job_.lane->caps != nullptr && !job_.has_quotas;
    add("resuming",
        "it has waited for others, and goes on as soon as pool " + pool + " has a free slot" +
            (needs_quotas ? " and its quotas are free" : ""),
        pool);
    return;
  }
  const std::size_t count = worker.waits.size();
  add("waits_for", "it waits for " + std::to_string(count) + (count == 1 ? " other job" : " other jobs"));
  for (const JobId& id : worker.waits) {
    if (const Job* other = scheduler_.jobs_.find(id); other != nullptr) name_job(*other);
  }
  found_.back().count = count;
}

void Scheduler::Explainer::next() {
  add("next", "next in the channel of worker " + std::to_string(job_.worker->pid));
}

std::string Scheduler::Explainer::why_kin_waits() const {
  const Kin& kin = *job_.kin();
  const Link& link = kin.link;
  if (!link.becomes.empty()) return "it comes to what job " + link.becomes.text() + " comes to";
  if (link.phase == Link::Phase::waiting) {
    const Job* parent = scheduler_.jobs_.find(link.parent);
    const std::string whose = parent == nullptr ? "job " + link.parent.text() : described(*parent);
    if (link.follows == Follows::member) return "its turn in " + whose + " has not come";
    if (link.follows == Follows::then) return "it begins when the members of " + whose + " have ended";
    if (parent != nullptr && parent->kin()->behind > 0)
      return "it begins when there is room in memory for what " + whose +
             " has come to (max_bytes, max_bytes_per_owner)";
    return "it begins when " + whose + " has ended, if that is with " + std::string(to_string(link.follows));
  }
  if (kin.course && !kin.course->over())
    return "it waits for " + std::to_string(kin.course->unended()) + " of its " +
           std::to_string(kin.members.size()) + " members";
  return kin.then.empty() ? "it gathers what its members have come to"
                          : "it comes to what job " + kin.then.text() + " comes to";
}

/// It waits for other jobs, without a worker.
void Scheduler::Explainer::kin() {
  const std::vector<JobId> awaited = scheduler_.awaited_by(job_);
  add("waits_for", why_kin_waits());
  for (const JobId& id : awaited) {
    if (const Job* other = scheduler_.jobs_.find(id); other != nullptr) name_job(*other);
  }
  found_.back().count = awaited.size();
}

/// It is in no queue before that.
void Scheduler::Explainer::moment() {
  const WallTime moment = job_.timing()->moment;
  if (job_.state == State::scheduled) {
    add("scheduled", "it begins after " + format_time(moment));
  } else {
    add("retry", "its next attempt begins after " + format_time(moment));
  }
  found_.back().until = moment;
}

void Scheduler::Explainer::stopping() {
  if (scheduler_.draining_) add("stopping", "the daemon is stopping");
}

void Scheduler::Explainer::disk() {
  if (scheduler_.stalled_)
    add("disk", "no job begins until the disk has taken what waits for it (max_unwritten)");
}

void Scheduler::Explainer::paused() {
  const Queue& queue = *job_.lane->queue;
  if (queue.paused) add("paused", "queue " + queue.name + " is paused", queue.name);
}

void Scheduler::Explainer::rate() {
  const Queue& queue = *job_.lane->queue;
  if (!queue.spent) return;
  add("rate",
      "queue " + queue.name + " has begun as many jobs as its rate (" +
          format_rate(scheduler_.steering_.rule(queue.name).rate) + ") allows",
      queue.name);
  found_.back().until = now_.wall + std::chrono::ceil<std::chrono::microseconds>(queue.opens - now_.steady);
}

/// Each of its quotas that is full.
void Scheduler::Explainer::quota() {
  if (job_.lane->caps == nullptr) return;
  for (const Cap* cap : job_.lane->caps->caps) {
    if (!cap->full()) continue;
    const Quota& quota = *cap->quota;
    add("quota", "the quota \"" + quota.name + "\" is full", quota.name);
    if (asked_ == nullptr) continue;
    found_.back().text += ": " + jobs(quota.running) + " of at most " + std::to_string(cap->size()) +
                          (quota.running == 1 ? " holds it" : " hold it");
    if (quota.claimed > 0)
      found_.back().text += ", and " + jobs(quota.claimed) + " that " +
                            (quota.claimed == 1 ? "has waited for others is" : "have waited for others are") +
                            " to have it again first";
    found_.back().count = quota.running + quota.claimed;
    holders_of(quota);
  }
}

/// The jobs that have it, which stand in the channels of workers, and those that have claimed it.
void Scheduler::Explainer::holders_of(const Quota& quota) {
  const auto names_it = [&](const Job& job) {
    const CapSet* caps = job.lane->caps;
    return caps != nullptr && std::any_of(caps->caps.begin(), caps->caps.end(),
                                          [&](const Cap* cap) { return cap->quota == &quota; });
  };
  for (const auto& [id, worker] : scheduler_.workers_) {
    for (const WorkerChannel::Slot& slot : worker->channel) {
      if (slot.job->has_quotas && names_it(*slot.job)) name_job(*slot.job);
    }
  }
  for (const Worker* worker : scheduler_.want_quotas_) {
    if (const Job& job = *worker->channel.front().job; names_it(job)) name_job(job);
  }
}

/// In the last reason: another job, if who asks may know of it.
void Scheduler::Explainer::name_job(const Job& other) {
  std::vector<JobId>& named = found_.back().jobs;
  if (asked_ != nullptr && named.size() < kMostNamed && scheduler_.may(*asked_, other, Touch::look))
    named.push_back(other.id);
}

/// Others of its function and quotas; or the next of its queue, which nothing overtakes.
void Scheduler::Explainer::on_disk() {
  const auto& seats = job_.lane->seats;
  const bool is_held_up = std::any_of(seats.begin(), seats.end(), [](const auto& seat) {
    const QueueSeat& in = *seat->queue;
    return in.from_disk && !in.lanes.empty() && LaneSeatLess()(*in.lanes.top(), *seat);
  });
  if (job_.on_disk || job_.behind || is_held_up) add("on_disk", "others are before it, and wait on disk");
}

/// A pool that has never been ready may be the one that offers it.
void Scheduler::Explainer::function() {
  const Function& function = *job_.function;
  if (!function.offered_by.empty()) return;
  const std::size_t before = found_.size();
  for (const Pool& pool : scheduler_.pools_) {
    const bool may_offer = pool.offer == nullptr && pool.phase == Pool::Phase::failing;
    if (may_offer && pool.settings->serves(job_.lane->queue->name)) this->pool(pool);
  }
  const char* const which = found_.size() == before ? "no pool" : "no other pool";
  add("no_function", which + (" offers the function " + function.name), function.name);
}

void Scheduler::Explainer::pools() {
  for (const Pool* pool : job_.function->offered_by) this->pool(*pool);
}

void Scheduler::Explainer::pool(const Pool& pool) {
  const std::string& name = pool.settings->name;
  const auto is_ready = [](const Worker* w) { return w->phase == Worker::Phase::ready; };
  const bool serves = std::any_of(pool.workers.begin(), pool.workers.end(), is_ready);
  if (pool.phase == Pool::Phase::failing && !serves) {
    const char* const unknown = "; it has never been ready, and what it offers is not known";
    add("pool_failing",
        "pool " + name + " is failing: " + pool.reason + (pool.offer == nullptr ? unknown : ""), name);
    if (pool.place != kNotInHeap) {
      const auto wait = Nanos(pool.due) - now_.steady.time_since_epoch();
      found_.back().until = now_.wall + std::chrono::ceil<std::chrono::microseconds>(wait);
    }
    return;
  }
  const std::string& queue = job_.lane->queue->name;
  if (!pool.settings->serves(queue)) {
    add("pool_queues", "pool " + name + " does not take jobs of queue " + queue, name);
    return;
  }
  if (can_begin(pool, *job_.function)) {
    // While one program takes the place of another, those that are free may not have what goes first.
    const Job* first =
        pool.ready.queues.empty() ? nullptr : pool.ready.queues.top()->lanes.top()->lane->best();
    if (first == nullptr || can_begin(pool, *first->function)) return;
    add("pool_busy",
        "pool " + name + " has no free worker with the function " + first->function->name +
            ", which a job calls that goes first",
        name);
    return;
  }
  const char* const none = serves ? " has no free worker" : " has no worker yet: one is starting";
  add("pool_busy",
      "pool " + name + none + (pool.is_short() ? ", and others do not start: " + pool.reason : ""), name);
  if (asked_ == nullptr) return;
  for (const Worker* worker : pool.workers) {
    if (worker->channel.empty() || worker->wait != Worker::Wait::none) continue;
    ++found_.back().count;
    name_job(*worker->channel.front().job);
  }
}

/// What is before it of the same function and quotas, in its queue. Where one waits on disk its place is not
/// known.
void Scheduler::Explainer::behind() {
  const Job& job = job_;
  if (asked_ == nullptr || !job.queued_in_lane || job.behind) return;
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
  add("behind",
      (other == nullptr ? "" : "at least ") + jobs(before) + " of its function and quotas " +
          (before == 1 ? "is" : "are") + " before it in queue " + queue,
      queue);
  found_.back().count = before;
}

}  // namespace promised
