// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/lanes.hpp"

#include <algorithm>
#include <utility>

#include "daemon/decide/pools.hpp"

namespace promised {

namespace {

/// Lanes without jobs that are kept, so that a queue that runs empty again and again is not made each time.
constexpr std::size_t kIdleLanes = 64;
/// A band with fewer jobs in memory, and more on disk, is filled from there.
constexpr std::uint64_t kLowWater = 1024;
/// A band has at least so many in memory, however many there are of others: a short queue does not wait for
/// the disk.
constexpr std::uint64_t kAlwaysInMemory = 16;
/// Jobs that come from disk in one go.
constexpr std::uint64_t kMostAskedFor = 2048;

}  // namespace

Queue* Lanes::find_queue(std::string_view name) const {
  const auto it = queues_.find(name);
  return it == queues_.end() ? nullptr : it->second.get();
}

Lane* Lanes::find(std::string_view queue, const Function& function, std::string_view quotas) const {
  const CapSet* caps = nullptr;
  if (!quotas.empty() && (caps = quotas_.find(quotas)) == nullptr) return nullptr;
  const auto it = lanes_.find({find_queue(queue), &function, caps});
  return it == lanes_.end() ? nullptr : it->second.get();
}

Queue& Lanes::queue(std::string_view name) {
  if (Queue* known = find_queue(name); known != nullptr) return *known;
  auto made = std::make_unique<Queue>();
  made->name = name;
  Queue& queue = *made;
  queues_.emplace(queue.name, std::move(made));
  return queue;
}

void Lanes::drop_unused(const Queue& queue) {
  if (!queue.lanes.empty() || queue.kept()) return;
  const auto it = queues_.find(queue.name);
  const auto gone = std::move(it->second);  // its name is the key
  queues_.erase(it);
}

Lane& Lanes::make(std::string_view queue_name, Function& function, const std::string& quotas) {
  Queue& of = queue(queue_name);
  CapSet* caps = quotas.empty() ? nullptr : &quotas_.intern(quotas);
  if (caps != nullptr) ++caps->lanes;
  Lane& lane = *(lanes_[{&of, &function, caps}] = std::make_unique<Lane>());
  lane.queue = &of;
  lane.function = &function;
  lane.caps = caps;
  lane.place_in_queue = of.lanes.size();
  of.lanes.push_back(&lane);
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
  if (lane.hungry) std::erase(hungry_, &lane);
  while (!lane.seats.empty()) unserve(lane, *lane.seats.back()->queue->line);
  CapSet* caps = lane.caps;
  lanes_.erase({&queue, lane.function, caps});
  if (caps != nullptr && --caps->lanes == 0) quotas_.drop(*caps);
  drop_unused(queue);
}

void JobList::insert(Job& job) {
  // From the end that is nearer in time: new jobs were submitted last, those that come back were among the
  // first.
  const WallTime place = job.place_in_queue();
  Job* after = last;
  if (first != nullptr && place - first->place_in_queue() < last->place_in_queue() - place) {
    Job* before = first;
    while (before->place_in_queue() < place) before = before->next;
    after = before->previous;
  } else {
    while (after != nullptr && after->place_in_queue() > place) after = after->previous;
  }
  job.previous = after;
  job.next = after == nullptr ? first : after->next;
  (job.next == nullptr ? last : job.next->previous) = &job;
  (after == nullptr ? first : after->next) = &job;
}

void JobList::append(Job& job) {
  job.previous = last;
  job.next = nullptr;
  (last == nullptr ? first : last->next) = &job;
  last = &job;
}

void JobList::remove(Job& job) {
  (job.previous == nullptr ? first : job.previous->next) = job.next;
  (job.next == nullptr ? last : job.next->previous) = job.previous;
  job.previous = job.next = nullptr;
}

const Lane::Band* Lanes::find_band(const Lane& lane, int priority) {
  const auto band = std::find_if(lane.bands.begin(), lane.bands.end(),
                                 [&](const Lane::Band& b) { return b.priority == priority; });
  return band == lane.bands.end() ? nullptr : &*band;
}

Lane::Band& Lanes::band(Lane& lane, int priority) {
  const auto place = std::find_if(lane.bands.begin(), lane.bands.end(),
                                  [&](const Lane::Band& b) { return b.priority <= priority; });
  if (place != lane.bands.end() && place->priority == priority) return *place;
  Lane::Band made{};
  made.priority = priority;
  return *lane.bands.insert(place, made);
}

void Lanes::drop_empty(Lane& lane, int priority) {
  std::erase_if(lane.bands, [&](const Lane::Band& b) { return b.priority == priority && b.empty(); });
}

void Lanes::push(Job& job) {
  Lane& lane = *job.lane;
  Lane::Band& in = band(lane, job.priority);
  job.behind = in.on_disk > 0 && job.place_in_queue() > in.fetched_until;
  (job.behind ? in.behind : in.ready).insert(job);
  job.queued_in_lane = true;
  ++lane.queue->length;
  ++(job.behind ? in.behind_count : in.ready_count);
  count_in(in.in_memory());
  if (job.behind) return;
  // The band may be new, and come before the one that was the first.
  if (lane.best() == &job || in.ready_count == 1) refresh(lane);
}

void Lanes::remove(Job& job) {
  Lane& lane = *job.lane;
  if (job.on_disk) {
    job.on_disk = false;
    --lane.queue->length;
    Lane::Band& in = band(lane, job.priority);
    --in.on_disk;
    settle(lane, in);
    return;
  }
  if (!job.queued_in_lane) return;
  const bool was_best = lane.best() == &job;
  Lane::Band& in = band(lane, job.priority);
  (job.behind ? in.behind : in.ready).remove(job);
  job.queued_in_lane = false;
  --lane.queue->length;
  count_out(in.in_memory());
  if (std::exchange(job.behind, false)) {
    --in.behind_count;
  } else {
    --in.ready_count;
    look_at(lane, in);
  }
  if (in.empty()) drop_empty(lane, job.priority);
  if (was_best) refresh(lane);
}

/// `in_band`: with the one that comes.
void Lanes::count_in(std::uint64_t in_band) {
  ++in_memory_;
  if (in_band > kAlwaysInMemory) ++beyond_;
}

/// `in_band`: with the one that goes.
void Lanes::count_out(std::uint64_t in_band) {
  --in_memory_;
  if (in_band > kAlwaysInMemory) --beyond_;
}

void Lanes::count_flow(Flow& flow) {
  const std::uint64_t span = taken_++ / span_;
  if (flow.span != span) {
    flow.before = flow.span + 1 == span ? flow.now : 0;
    flow.now = 0;
    flow.span = span;
  }
  ++flow.now;
}

std::uint64_t Lanes::share(const Lane& lane) const {
  if (beyond_ >= most_in_memory_) return kAlwaysInMemory;
  const Flow& flow = lane.flow;
  const std::uint64_t span = taken_ / span_;
  const std::uint64_t latest = flow.span == span       ? flow.now + flow.before
                               : flow.span + 1 == span ? flow.now
                                                       : 0;
  return std::max(latest, kAlwaysInMemory);
}

/// What is on disk of a lane that flows comes in soon: what comes after it waits for it in memory, so that
/// the lane gets off the disk again.
bool Lanes::full(const Lane& lane, int priority) const {
  const Lane::Band* band = find_band(lane, priority);
  if (band == nullptr) return false;
  if (band->on_disk == 0) return in_memory_ >= most_standing_ && band->ready_count >= share(lane);
  const std::uint64_t most = share(lane);
  return most == kAlwaysInMemory || band->in_memory() + band->on_disk >= most;
}

void Lanes::add_backlog(Lane& lane, int priority, WallTime first, std::uint64_t count) {
  Lane::Band& to = band(lane, priority);
  const WallTime before = first - std::chrono::microseconds(1);
  if (to.on_disk == 0) to.fetched_until = before;
  to.fetched_until = std::min(to.fetched_until, before);
  to.on_disk += count;
  lane.queue->length += count;
  lane.jobs += count;
  if (lane.queue->jobs == 0) ++busy_queues_;
  lane.queue->jobs += count;
  look_at(lane, to);
  refresh(lane);
}

void Lanes::pin(Job& job) {
  job.on_disk = true;
  --job.lane->jobs;
  --job.lane->queue->jobs;
}

void Lanes::fetched(Job& job) {
  Lane& lane = *job.lane;
  if (!std::exchange(job.on_disk, false)) {
    --lane.jobs;
    --lane.queue->jobs;
  }
  --band(lane, job.priority).on_disk;
  --lane.queue->length;
}

void Lanes::advance(Lane& lane, int priority, WallTime until) {
  Lane::Band& in = band(lane, priority);
  in.fetching = false;
  in.fetched_until = std::max(in.fetched_until, until);
  settle(lane, in);
}

/// Those whose predecessors have come from disk may be dispatched. The band is gone afterwards if it is
/// empty.
void Lanes::settle(Lane& lane, Lane::Band& in) {
  while (!in.behind.empty() && (in.on_disk == 0 || in.behind.first->place_in_queue() <= in.fetched_until)) {
    Job& job = *in.behind.first;
    in.behind.remove(job);
    in.ready.insert(job);
    job.behind = false;
    --in.behind_count;
    ++in.ready_count;
  }
  look_at(lane, in);
  drop_empty(lane, in.priority);
  refresh(lane);
}

/// Marks the lane for take_hungry() if this band of it is short of jobs.
void Lanes::look_at(Lane& lane, const Lane::Band& band) {
  if (is_hungry(lane, band) && !std::exchange(lane.hungry, true)) hungry_.push_back(&lane);
}

bool Lanes::is_hungry(const Lane& lane, const Lane::Band& band) const {
  if (band.on_disk == 0 || band.fetching) return false;
  const bool has_room = in_memory_ + kLowWater <= most_standing_;
  return band.ready_count < (has_room ? kLowWater : std::min(kLowWater, share(lane)));
}

std::vector<Lanes::Hungry> Lanes::take_hungry() {
  std::vector<Hungry> found;
  for (Lane* lane : std::exchange(hungry_, {})) {
    lane->hungry = false;
    for (Lane::Band& band : lane->bands) {
      if (!is_hungry(*lane, band)) continue;
      band.fetching = true;
      found.push_back({lane, band.priority, band.fetched_until, 0});
    }
  }
  if (found.empty()) return found;
  const std::uint64_t room = (most_standing_ - std::min(most_standing_, in_memory_)) / found.size();
  for (Hungry& hungry : found)
    hungry.most = static_cast<std::uint32_t>(std::min(std::max(room, share(*hungry.lane)), kMostAskedFor));
  return found;
}

}  // namespace promised
