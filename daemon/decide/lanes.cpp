// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/lanes.hpp"

#include <algorithm>
#include <utility>

#include "daemon/decide/pools.hpp"

namespace promised {

namespace {

/// Lanes without jobs that are kept, so that a queue that runs empty again and again is not made each time.
constexpr std::size_t kIdleLanes = 64;

}  // namespace

Queue* Lanes::find_queue(std::string_view name) const {
  const auto it = queues_.find(name);
  return it == queues_.end() ? nullptr : it->second.get();
}

Lane* Lanes::find(std::string_view queue, const Function& function) const {
  const auto it = lanes_.find({find_queue(queue), &function});
  return it == lanes_.end() ? nullptr : it->second.get();
}

Lane& Lanes::make(std::string_view queue_name, Function& function) {
  Queue* queue = find_queue(queue_name);
  if (queue == nullptr) {
    auto made = std::make_unique<Queue>();
    made->name = queue_name;
    queue = made.get();
    queues_.emplace(queue->name, std::move(made));
  }
  Lane& lane = *(lanes_[{queue, &function}] = std::make_unique<Lane>());
  lane.queue = queue;
  lane.function = &function;
  lane.place_in_queue = queue->lanes.size();
  queue->lanes.push_back(&lane);
  lane.place_in_function = function.lanes.size();
  function.lanes.push_back(&lane);
  return lane;
}

void Lanes::enter(Job& job, Lane& lane) {
  job.lane = &lane;
  ++lane.jobs;
  if (lane.queue->jobs++ == 0) ++busy_queues_;
}

void Lanes::leave(Job& job) {
  Lane& lane = *job.lane;
  if (--lane.queue->jobs == 0) --busy_queues_;
  if (--lane.jobs > 0 || std::exchange(lane.idle, true)) return;
  idle_.push_back(&lane);
}

Lane* Lanes::stale() {
  while (idle_.size() > kIdleLanes) {
    Lane* lane = idle_.front();
    idle_.pop_front();
    lane->idle = false;
    if (lane->jobs == 0) return lane;
  }
  return nullptr;
}

void Lanes::erase(Lane& lane) {
  Queue& queue = *lane.queue;
  const auto drop = [&](std::vector<Lane*>& lanes, std::size_t Lane::*place) {
    lanes[lane.*place] = lanes.back();
    lanes.back()->*place = lane.*place;
    lanes.pop_back();
  };
  drop(queue.lanes, &Lane::place_in_queue);
  drop(lane.function->lanes, &Lane::place_in_function);
  lanes_.erase({&queue, lane.function});
  if (queue.lanes.empty()) queues_.erase(queue.name);
}

void Lanes::serve(Lane& lane, LaneHeap& heap) {
  for (const auto& server : lane.servers) {
    if (server.heap == &heap) return;
  }
  lane.servers.push_back({&heap, std::make_unique<LaneSeat>(LaneSeat{&lane})});
  refresh(lane);
}

void Lanes::unserve(Lane& lane, LaneHeap& heap) {
  std::erase_if(lane.servers, [&](const Lane::Server& server) {
    if (server.heap != &heap) return false;
    heap.remove(*server.seat);
    return true;
  });
}

void Lanes::refresh(Lane& lane) {
  for (const auto& server : lane.servers) {
    if (lane.bands.empty()) {
      server.heap->remove(*server.seat);
    } else {
      server.heap->update(*server.seat);
    }
  }
}

void Lanes::push(Job& job) {
  Lane& lane = *job.lane;
  auto band = std::find_if(lane.bands.begin(), lane.bands.end(),
                           [&](const Lane::Band& b) { return b.priority <= job.priority; });
  if (band == lane.bands.end() || band->priority != job.priority) {
    band = lane.bands.insert(band, {job.priority, nullptr, nullptr});
  }
  // From the back for new jobs (their sequence is the highest), from the front for those that come back.
  Job* after = band->last;
  if (band->first != nullptr && job.sequence < band->first->sequence) {
    after = nullptr;
  } else {
    while (after != nullptr && after->sequence > job.sequence) after = after->previous;
  }
  job.previous = after;
  job.next = after == nullptr ? band->first : after->next;
  (job.next == nullptr ? band->last : job.next->previous) = &job;
  (after == nullptr ? band->first : after->next) = &job;
  job.queued_in_lane = true;
  ++lane.queue->length;
  if (lane.best() == &job) refresh(lane);
}

void Lanes::remove(Job& job) {
  if (!job.queued_in_lane) return;
  Lane& lane = *job.lane;
  const bool was_best = lane.best() == &job;
  const auto band = std::find_if(lane.bands.begin(), lane.bands.end(),
                                 [&](const Lane::Band& b) { return b.priority == job.priority; });
  (job.previous == nullptr ? band->first : job.previous->next) = job.next;
  (job.next == nullptr ? band->last : job.next->previous) = job.previous;
  job.previous = job.next = nullptr;
  job.queued_in_lane = false;
  --lane.queue->length;
  if (band->first == nullptr) lane.bands.erase(band);
  if (was_best) refresh(lane);
}

}  // namespace promised
