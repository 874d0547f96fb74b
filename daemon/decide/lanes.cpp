// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/lanes.hpp"

#include <algorithm>

namespace promised {

Queue* Lanes::find_queue(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second;
}

Lane& Lanes::lane(std::string_view queue_name, Function& function) {
  Queue* queue = find_queue(queue_name);
  if (queue == nullptr) {
    queue = &queues_.emplace_back();
    queue->name = queue_name;
    by_name_.emplace(queue->name, queue);
  }
  for (Lane* lane : queue->lanes) {
    if (lane->function == &function) return *lane;
  }
  Lane& lane = lanes_.emplace_back();
  lane.queue = queue;
  lane.function = &function;
  queue->lanes.push_back(&lane);
  return lane;
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
