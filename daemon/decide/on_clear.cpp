// SPDX-License-Identifier: Apache-2.0
// Clearing a queue (SEMANTICS Q2): see clearing.hpp. Jobs on disk alone are searched for, page by page, and
// brought in to be ended.
#include <algorithm>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Jobs that are cancelled in a turn, and looked for on disk at once.
constexpr std::uint32_t kAtOnce = 1000;

bool waits(const Job& job) {
  return job.worker == nullptr && (job.state == State::pending || job.state == State::scheduled);
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
    for (const Job* job : jobs_) {
      if (job->lane->queue == queue && waits(*job)) clearing.ids.push_back(job->id);
    }
    if (has_backlog(*queue)) clearing.disk = Clearing::Disk::to_search;
    clearing.cancelled = withdraw_ready(*queue, clearing.reason, t);
  }
  clearings_.push_back(std::move(clearing));
}

/// Those of its jobs that workers hold ready: whether they have begun shows when the channel is taken back.
std::uint64_t Scheduler::withdraw_ready(const Queue& queue, const std::string& reason, Turn& t) {
  std::uint64_t count = 0;
  for (auto& [id, worker] : workers_) {
    bool any = false;
    for (const Worker::Slot& slot : worker->channel) {
      Job& job = *slot.job;
      if (job.lane->queue != &queue || job.state != State::pending) continue;
      job.withdraw_asked = true;
      job.tell().reason = reason;
      ++count;
      any = true;
    }
    if (any) revoke(*worker, t);
  }
  return count;
}

void Scheduler::go_on_clearing(Turn& t) {
  if (clearings_.empty() || is_stalled()) return;  // the disk has to take what there is first
  std::uint32_t steps = kAtOnce;
  for (Clearing& clearing : clearings_) {
    for (; !clearing.ids.empty() && steps > 0; --steps) {
      Job* job = jobs_.find(clearing.ids.back());
      clearing.ids.pop_back();
      if (job != nullptr) clear(*job, clearing, t);
    }
    if (clearing.ids.empty() && clearing.disk == Clearing::Disk::to_search) search_to_clear(clearing, t);
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
  search.most = kAtOnce;
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
