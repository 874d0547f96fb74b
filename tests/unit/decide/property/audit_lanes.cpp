// SPDX-License-Identifier: Apache-2.0
// What must hold of queues, lanes, quotas and whose turn it is.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "tests/unit/decide/property/audit.hpp"

namespace promised::test {
namespace {

std::size_t length(const JobList& list) {
  std::size_t n = 0;
  for (const Job* job = list.first; job != nullptr; job = job->next) ++n;
  return n;
}

/// SEMANTICS Q1: where the job stands in its queue.
Lane::Turn turn_of(const Job& job) {
  const std::int64_t ageing = std::chrono::microseconds(job.lane->queue->policy.ageing).count();
  return {
      ageing == 0 ? -job.priority : job.place_in_queue().time_since_epoch().count() - job.priority * ageing,
      job.place_in_queue()};
}

const LaneSeat* seat_in(const Lane& lane, const Pool& pool) {
  for (const auto& seat : lane.seats) {
    if (seat->queue->line == &pool.ready) return seat.get();
  }
  return nullptr;
}

bool has_room(const Lane& lane) {
  return lane.caps == nullptr || lane.caps->full() == nullptr;
}

std::string where(const Lane& lane) {
  std::string text = "queue " + lane.queue->name + ", function " + lane.function->name;
  if (lane.caps != nullptr) text += ", quotas " + lane.caps->text;
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// Where the lane stands in a pool.
std::string place(const LaneSeat& seat) {
  const QueueSeat& in = *seat.queue;
  std::string text = seat.place == kNotInHeap ? "in no heap" : "in line";
  if (seat.parked != nullptr) {
    text = "parked at " + seat.parked->cap->quota->id + (seat.parked->passed_over ? ", passed over" : "");
  }
  if (seat.baton != kNotInHeap) text += ", with the baton";
  text += in.place == kNotInHeap ? ", its queue not in the line" : ", its queue in the line";
  if (in.from_disk) text += ", held up by the disk";
  return text;
}

}  // namespace

bool Audit::may_begin(const Pool& pool, const Worker& worker, const Job& job) const {
  return worker.phase == Worker::Phase::ready && worker.kill_reason == KillReason::none &&
         !worker.channel.is_revoking() && worker.wait == Worker::Wait::none && worker.channel.empty() &&
         !worker.spent() && worker.offer->has(*job.function) && pool.resuming.empty() &&
         running(pool) < pool.slots();
}

/// What was submitted to the queue before has still to come from disk. It holds up the others also when
/// another queue takes the room of its quotas meanwhile: it is parked when it has come.
bool Audit::held_up(const Lane& lane, const Pool& pool) const {
  return !lane.bands.empty() &&
         std::any_of(lane.queue->lanes.begin(), lane.queue->lanes.end(), [&](const Lane* other) {
           const LaneSeat* seat = seat_in(*other, pool);
           return !other->bands.empty() && other->best() == nullptr && seat != nullptr &&
                  seat->parked == nullptr && other->turn() < lane.turn();
         });
}

/// No job waits beside a worker that could begin it, and no job that waited goes on too late.
void Audit::nobody_idles() const {
  if (s_.draining_ || s_.stalled_) return;
  for (const Worker* worker : s_.want_quotas_) {
    const CapSet* caps = worker->channel.front().job->lane->caps;
    check(caps != nullptr && !caps->free_for_claim(), "a job that has its quotas free does not go on");
  }
  for (const Pool& pool : s_.pools_) {
    if (!pool.resuming.empty() && running(pool) < pool.slots())
      throw Violation("a job of pool " + pool.settings->name + " does not go on though there is a slot");
    // While one program takes the place of another, the first job may wait for a worker that has its
    // function, and the others behind it.
    const bool alike = std::all_of(pool.workers.begin(), pool.workers.end(), [&](const Worker* w) {
      return w->phase != Worker::Phase::ready || w->offer == pool.offer;
    });
    if (!alike) continue;
    for (const auto& [name, queue] : s_.lanes_.queues()) {
      if (queue->length == 0 || !queue->open()) continue;
      for (const Lane* lane : queue->lanes) {
        const Job* job = lane->best();
        if (job == nullptr || seat_in(*lane, pool) == nullptr || !has_room(*lane) || held_up(*lane, pool))
          continue;
        for (const Worker* worker : pool.workers) {
          if (!may_begin(pool, *worker, *job)) continue;
          throw Violation("job " + job->id.text() + " " + describe(job->id) + " (" + where(*lane) + ", " +
                          place(*seat_in(*lane, pool)) + "), and worker " +
                          std::to_string(static_cast<std::uint32_t>(worker->id)) + " has nothing to do; " +
                          describe(pool));
        }
      }
    }
  }
}

void Audit::went_first(const JobId& id, const WorkerId& by) const {
  const Job* job = s_.jobs_.find(id);
  const auto worker = s_.workers_.find(by);
  if (job == nullptr || worker == s_.workers_.end()) return;
  const Pool& pool = *worker->second->pool;
  const Queue& queue = *job->lane->queue;
  check(!queue.paused, "job " + id.text() + " begins, and its queue " + queue.name + " is paused");
  for (const Lane* lane : queue.lanes) {
    // One that this worker does not offer was no choice for it. One with quotas may be passed over: the room
    // that they have may be kept for a job of another queue.
    const bool a_choice = seat_in(*lane, pool) != nullptr && worker->second->offer->has(*lane->function) &&
                          (lane->caps == nullptr || lane == job->lane);
    if (!a_choice) continue;
    const Job* first = lane->best();
    check(first == nullptr || first == job || !(turn_of(*first) < turn_of(*job)),
          "job " + id.text() + " (" + where(*job->lane) + ") goes before job " +
              (first == nullptr ? "" : first->id.text()) + " (" + where(*lane) + ")");
    for (const Lane::Band& band : lane->bands) {
      check(lane != job->lane || band.on_disk == 0 || band.priority != job->priority ||
                job->place_in_queue() <= band.fetched_until,
            "job " + id.text() + " goes before jobs on disk of its queue " + queue.name);
    }
  }
}

/// Each lane has what it counts, in order.
void Audit::lanes() const {
  std::uint64_t in_memory = 0;
  for (const auto& [name, queue] : s_.lanes_.queues()) {
    std::uint64_t waiting = 0;
    std::uint64_t jobs = 0;
    for (const Lane* lane : queue->lanes) {
      jobs += lane->jobs;
      int above = 1000;
      for (const Lane::Band& band : lane->bands) {
        check(band.priority < above, where(*lane) + ": bands out of order");
        above = band.priority;
        check(!band.empty(), where(*lane) + ": an empty band");
        check(length(band.ready) == band.ready_count, where(*lane) + ": ready_count is wrong");
        for (const Job* job = band.ready.first; job != nullptr && job->next != nullptr; job = job->next)
          check(job->place_in_queue() <= job->next->place_in_queue(), where(*lane) + ": out of order");
        check(length(band.behind) == band.behind_count, where(*lane) + ": behind_count is wrong");
        waiting += band.in_memory() + band.on_disk;
        in_memory += band.in_memory();
      }
    }
    check(waiting == queue->length, "queue " + queue->name + " has " + std::to_string(waiting) +
                                        " jobs and counts " + std::to_string(queue->length));
    check(jobs == queue->jobs, "queue " + queue->name + " counts another number of jobs than its lanes");
  }
  check(in_memory == s_.lanes_.in_memory(), "in_memory is wrong");
}

/// A lane with jobs stands in one place of each pool that serves it, and one without in none.
void Audit::seats(const Lane& lane) const {
  for (const auto& seat : lane.seats) {
    const bool stands = seat->place != kNotInHeap;
    check(stands == !lane.bands.empty(), where(lane) + ": stands in a line by mistake, or in none");
    if (seat->parked == nullptr) continue;
    check(lane.caps != nullptr && seat->parked->queue == seat->queue,
          where(lane) + ": parked at a quota that it has not");
  }
  for (const Pool& pool : s_.pools_) {
    const bool serves = pool.offer != nullptr && pool.offer->has(*lane.function) &&
                        pool.phase != Pool::Phase::removed && pool.settings->serves(lane.queue->name);
    check(serves == (seat_in(lane, pool) != nullptr),
          "pool " + pool.settings->name + " does not know whether it serves " + where(lane));
  }
}

/// A lane that is parked though its quotas have room has somebody in the line who is to take it, and to hand
/// it on.
void Audit::baton(const Lane& lane) const {
  const auto shares = [&](const Lane& other) {
    return other.caps != nullptr &&
           std::any_of(other.caps->caps.begin(), other.caps->caps.end(), [&](const Cap* theirs) {
             return std::any_of(lane.caps->caps.begin(), lane.caps->caps.end(),
                                [&](const Cap* own) { return own->quota == theirs->quota; });
           });
  };
  for (const auto& seat : lane.seats) {
    if (seat->parked == nullptr || !lane.queue->open() || !has_room(lane)) continue;
    if (seat->queue->from_disk && !(lane.turn() < seat->queue->lanes.top()->lane->turn())) continue;
    bool kept = false;
    for (const QueueSeat* queue : seat->queue->line->queues.items()) {
      for (const LaneSeat* other : queue->lanes.items()) kept |= shares(*other->lane);
    }
    check(kept, where(lane) + ": its quotas have room, it is parked, and nobody in the line takes it");
  }
}

/// The pool's line is in order, and has the queues that are open and have something to give.
void Audit::line(const Pool& pool) const {
  const auto in_order = [&](const auto& items, auto less) {
    for (std::size_t i = 1; i < items.size(); ++i)
      check(!less(*items[i], *items[(i - 1) / 2]),
            "the line of pool " + pool.settings->name + " is out of order");
  };
  in_order(pool.ready.queues.items(), PassLess());
  for (const QueueSeat* queue : pool.ready.queues.items()) {
    in_order(queue->lanes.items(), LaneSeatLess());
    check(
        !queue->lanes.empty() && queue->queue->open() && !queue->from_disk,
        "queue " + queue->queue->name + " stands in the line of pool " + pool.settings->name + " by mistake");
  }
}

void Audit::heaps() const {
  for (const auto& [name, queue] : s_.lanes_.queues()) {
    for (const Lane* lane : queue->lanes) {
      seats(*lane);
      baton(*lane);
    }
    for (const auto& seat : queue->seats)
      check(seat->place != kNotInHeap || seat->lanes.empty() || !queue->open() || seat->from_disk,
            "queue " + queue->name + " does not stand in a line where it has jobs");
  }
  for (const Pool& pool : s_.pools_) line(pool);
}

/// Each quota counts those who have it.
void Audit::quotas() const {
  std::map<const Quota*, std::uint64_t> running;
  std::map<const Quota*, std::uint64_t> claimed;
  const auto count = [](std::map<const Quota*, std::uint64_t>& counts, const Job& job) {
    if (job.lane->caps == nullptr) return;
    for (const Cap* cap : job.lane->caps->caps) ++counts[cap->quota];
  };
  for (const Job* job : s_.jobs_) {
    check(!job->has_quotas || job->worker != nullptr,
          "job " + job->id.text() + " has quotas and does not run: it " + describe(job->id));
    if (job->has_quotas) count(running, *job);
  }
  for (const Worker* worker : s_.want_quotas_) count(claimed, *worker->channel.front().job);
  for (const auto& [name, queue] : s_.lanes_.queues()) {
    for (const Lane* lane : queue->lanes) {
      if (lane->caps == nullptr) continue;
      for (const Cap* cap : lane->caps->caps) {
        check(cap->quota->running == running[cap->quota],
              "quota " + cap->quota->id + " counts " + std::to_string(cap->quota->running) +
                  " that have it, and there are " + std::to_string(running[cap->quota]));
        check(cap->quota->claimed == claimed[cap->quota],
              "quota " + cap->quota->id + " counts claims that are not there");
      }
    }
  }
}

/// No quota is had by more than may; by fewer and fewer where it has become smaller.
void Audit::caps(const RunningBefore& before, RunningBefore& after) const {
  std::map<const Quota*, std::uint64_t> most;
  for (const Job* job : s_.jobs_) {
    if (job->worker == nullptr || job->lane->caps == nullptr) continue;
    const bool holds_back = job->worker->wait != Worker::Wait::none && !job->has_quotas;
    check(job->has_quotas || holds_back,
          "job " + job->id.text() + " runs without its quotas: it " + describe(job->id));
    for (const Cap* cap : job->lane->caps->caps) {
      if (job->has_quotas) most[cap->quota] = std::max(most[cap->quota], cap->size());
    }
  }
  for (const auto& [quota, allowed] : most) {
    const auto known = before.find(quota);
    const std::uint64_t bound = std::max<std::uint64_t>(allowed, known == before.end() ? 0 : known->second);
    check(quota->running <= bound, "quota " + quota->id + " is had by " + std::to_string(quota->running) +
                                       " jobs, and " + std::to_string(allowed) + " may have it");
    after[quota] = quota->running;
  }
}

}  // namespace promised::test
