// SPDX-License-Identifier: Apache-2.0
// Clearing a queue (SEMANTICS Q2): see clearing.hpp. What it has in memory is listed at once, and nothing of
// other queues is looked at. Jobs on disk are searched for, page by page, and those on disk alone brought in
// to be ended.
#include <algorithm>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Jobs that are cancelled in a turn, and looked for on disk at once.
constexpr std::uint32_t kClearedAtOnce = 1000;

bool waits(const Job& job) {
  return job.worker == nullptr && (job.state == State::pending || job.state == State::scheduled);
}

void add(const JobList& list, std::vector<JobId>& ids) {
  for (const Job* job = list.first; job != nullptr; job = job->next) ids.push_back(job->id);
}

/// Those of its jobs that wait in memory, in its lanes and for their moments.
std::vector<JobId> waiting_in(const Queue& queue) {
  std::vector<JobId> ids;
  add(queue.aside, ids);
  for (const Lane* lane : queue.lanes) {
    for (const Lane::Band& band : lane->bands) {
      add(band.ready, ids);
      add(band.behind, ids);
    }
  }
  return ids;
}

bool has_backlog(const Queue& queue) {
  return std::any_of(queue.lanes.begin(), queue.lanes.end(), [](const Lane* lane) {
    return std::any_of(lane->bands.begin(), lane->bands.end(),
                       [](const Lane::Band& band) { return band.on_disk > 0; });
  });
}

}  // namespace

void Scheduler::clear(const Asked& asked, const std::string& queue_name, Turn& t) {
  Clearing clearing;
  clearing.order = ++last_clearing_;
  clearing.until = next_submitted(t.now);
  clearing.queue = queue_name;
  clearing.reason = "queue " + queue_name + " was cleared by user " + std::to_string(asked.uid());
  clearing.session = asked.event.session;
  clearing.number = asked.number();
  if (const Queue* queue = lanes_.find_queue(queue_name); queue != nullptr) {
    clearing.ids = waiting_in(*queue);
    if (has_backlog(*queue)) clearing.disk = Clearing::Disk::to_search;
    withdraw_ready(*queue, clearing, t);
  }
  clearings_.push_back(std::move(clearing));
}

/// Those of its jobs that workers hold ready: whether they have begun shows when the channel is taken back.
void Scheduler::withdraw_ready(const Queue& queue, Clearing& clearing, Turn& t) {
  for (auto& [id, worker] : workers_) {
    bool any = false;
    for (const WorkerChannel::Slot& slot : worker->channel) {
      Job& job = *slot.job;
      if (job.lane->queue != &queue || job.state != State::pending) continue;
      if (job.cancel_asked || job.withdraw_asked) continue;  // who said so first is kept
      job.withdraw_asked = true;
      job.tell().reason = clearing.reason;
      clearing.ready.push_back(job.id);
      any = true;
    }
    if (any) revoke(*worker, t);
  }
}

/// Counts those that have been taken back before they had begun, and forgets those that had.
void Scheduler::settle_withdrawn(Clearing& clearing) {
  std::erase_if(clearing.ready, [&](const JobId& id) {
    const Job* job = jobs_.find(id);
    if (job != nullptr && job->withdraw_asked && !job->ended()) return false;
    if (job != nullptr && job->state == State::cancelled) ++clearing.cancelled;
    return true;
  });
}

void Scheduler::go_on_clearing(Turn& t) {
  if (clearings_.empty() || is_stalled()) return;  // the disk has to take what there is first
  std::uint32_t steps = kClearedAtOnce;
  for (Clearing& clearing : clearings_) {
    for (; !clearing.ids.empty() && steps > 0; --steps) {
      Job* job = jobs_.find(clearing.ids.back());
      clearing.ids.pop_back();
      if (job != nullptr) clear(*job, clearing, t);
    }
    if (clearing.ids.empty() && clearing.disk == Clearing::Disk::to_search) search_to_clear(clearing, t);
    settle_withdrawn(clearing);
  }
  std::erase_if(clearings_, [&](const Clearing& clearing) {
    if (!clearing.is_done()) return false;
    if (sessions_.find(clearing.session) != nullptr)
      reply(clearing.session, clearing.number, message::Count{clearing.cancelled}, true, t);
    return true;
  });
}

/// It may have begun, or ended, since it was found.
void Scheduler::clear(Job& job, Clearing& clearing, Turn& t) {
  if (!waits(job)) return;
  end_job(job, State::cancelled, {}, clearing.reason, {}, t);
  ++clearing.cancelled;
}

void Scheduler::search_to_clear(Clearing& clearing, Turn& t) {
  BacklogSearch search;
  search.session = clearing.session;
  search.request.number = clearing.order;
  search.request.body = message::SteerQueue{clearing.queue, {}, true};
  search.queue = clearing.queue;
  search.below = clearing.below;
  search.most = kClearedAtOnce;
  clearing.disk = Clearing::Disk::is_searched;
  t.plan.effects.emplace_back(effect::FindInBacklog{std::move(search)});
}

void Scheduler::found_to_clear(BacklogSearch& search, Turn& t) {
  const auto clearing = std::find_if(clearings_.begin(), clearings_.end(),
                                     [&](const Clearing& c) { return c.order == search.request.number; });
  if (clearing == clearings_.end()) return;
  const bool was_last = search.found.size() < search.most;
  clearing->disk = was_last ? Clearing::Disk::nothing : Clearing::Disk::to_search;
  clearing->below = search.below;
  for (RecoveredJob& recovered : search.found) {
    if (recovered.submitted > clearing->until) continue;
    Job* job = jobs_.find(recovered.id);
    if (job == nullptr && backlog_ids_.erase(recovered.id)) {
      job = &bring_in(recovered, t.now);
      wait_on_disk(*job, recovered, t);
    }
    if (job != nullptr) clear(*job, *clearing, t);
  }
}

}  // namespace promised
