// SPDX-License-Identifier: Apache-2.0
// Whose turn it is (seats.hpp). A lane that comes first in a line and has a full quota is parked there: it
// alone, so nothing waits behind it. It comes back when there is room: then each pool takes back the best of
// those that are parked, and whenever that one is served or leaves, and there is room still, the next. So a
// quota with room always has the best of its lanes in each line (the baton); a queue that cannot go on
// itself, because it is paused or has used up its rate, is passed over until it can.
#include <algorithm>
#include <utility>

#include "daemon/decide/lanes.hpp"

namespace promised {
namespace {

std::uint64_t stride(const Queue& queue) {
  return kPassUnit / std::max(queue.policy.weight, 1U);
}

}  // namespace

void Lanes::serve(Lane& lane, Line& line) {
  for (const auto& seat : lane.seats) {
    if (seat->queue->line == &line) return;
  }
  auto& seats = lane.queue->seats;
  auto in = std::find_if(seats.begin(), seats.end(), [&](const auto& seat) { return seat->line == &line; });
  if (in == seats.end()) {
    seats.push_back(std::make_unique<QueueSeat>(QueueSeat{lane.queue, &line}));
    in = seats.end() - 1;
  }
  ++(*in)->served;
  lane.seats.push_back(std::make_unique<LaneSeat>(LaneSeat{&lane, in->get()}));
  refresh(lane);
}

void Lanes::unserve(Lane& lane, Line& line) {
  const auto found = std::find_if(lane.seats.begin(), lane.seats.end(),
                                  [&](const auto& seat) { return seat->queue->line == &line; });
  if (found == lane.seats.end()) return;
  withdraw(**found);
  QueueSeat& in = *(*found)->queue;
  lane.seats.erase(found);
  if (--in.served == 0) std::erase_if(lane.queue->seats, [&](const auto& seat) { return seat.get() == &in; });
}

/// The turn of the lane has changed.
void Lanes::refresh(Lane& lane) {
  for (const auto& seat : lane.seats) {
    if (lane.bands.empty()) {
      withdraw(*seat);
    } else if (seat->parked != nullptr) {
      seat->parked->lanes.update(*seat);
      look_again(*seat->parked);
    } else {
      join(*seat);
      // Its turn may come later than that of others now.
      if (lane.caps != nullptr) hand_on(lane, *seat->queue->line);
    }
  }
}

/// Among those of its queue that may begin, as far as is known.
void Lanes::join(LaneSeat& seat) {
  if (seat.parked != nullptr) unpark(seat);
  QueueSeat& in = *seat.queue;
  in.lanes.update(seat);
  in.from_disk ? wake(in) : stand_in_line(in);
}

/// Out of wherever it stands.
void Lanes::withdraw(LaneSeat& seat) {
  if (seat.parked != nullptr) {
    unpark(seat);
    return;
  }
  if (!LaneHeap::contains(seat)) return;
  QueueSeat& in = *seat.queue;
  in.lanes.remove(seat);
  drop_baton(seat);
  if (in.lanes.empty()) in.line->queues.remove(in);
  if (in.from_disk) wake(in);
  if (seat.lane->caps != nullptr) hand_on(*seat.lane, *in.line);
}

void Lanes::stand_in_line(QueueSeat& seat) {
  if (QueueHeap::contains(seat) || seat.lanes.empty() || !is_open(seat)) return;
  Line& line = *seat.line;
  seat.pass = std::max(seat.pass, line.pass);
  seat.came = ++line.arrivals;
  line.queues.update(seat);
}

/// It may be open now: it is no reason any more to pass over it.
void Lanes::wake(QueueSeat& seat) {
  seat.from_disk = false;
  for (ParkedQueue* parked : std::exchange(seat.passed_over, {})) count_in_again(*parked);
  stand_in_line(seat);
}

/// Those who are parked there are not passed over any more.
void Lanes::count_in_again(ParkedQueue& parked) {
  Cap& cap = *parked.cap;
  Line& line = *parked.queue->line;
  parked.passed_over = false;
  cap.find(line)->queues.update(parked);
  hand_on(cap, line);
}

/// The best of those who are parked there has changed.
void Lanes::look_again(ParkedQueue& parked) {
  if (!parked.passed_over || !can_go_on(parked)) return;
  std::erase(parked.queue->passed_over, &parked);
  count_in_again(parked);
}

/// Whether the best of those who are parked there may begin, as far as that is the queue's own: one that was
/// submitted before what has still to come from disk does not wait for that.
bool Lanes::can_go_on(const ParkedQueue& parked) {
  const QueueSeat& in = *parked.queue;
  return in.queue->open() && (!in.from_disk || LaneSeatLess()(*parked.lanes.top(), *in.lanes.top()));
}

/// It is not open any more: what its lanes have come back for is for others.
void Lanes::step_out(QueueSeat& seat) {
  seat.line->queues.remove(seat);
  for (LaneSeat* lane : std::exchange(seat.batons, {})) {
    lane->baton = kNotInHeap;
    hand_on(*lane->lane, *seat.line);
  }
}

void Lanes::take_baton(LaneSeat& seat) {
  if (seat.baton != kNotInHeap) return;
  seat.baton = static_cast<std::uint32_t>(seat.queue->batons.size());
  seat.queue->batons.push_back(&seat);
}

void Lanes::drop_baton(LaneSeat& seat) {
  if (seat.baton == kNotInHeap) return;
  std::vector<LaneSeat*>& all = seat.queue->batons;
  all.back()->baton = seat.baton;
  all[std::exchange(seat.baton, kNotInHeap)] = all.back();
  all.pop_back();
}

void Lanes::open(Queue& queue) {
  for (const auto& seat : queue.seats) {
    wake(*seat);
    seat->line->changed = true;
  }
}

void Lanes::close(Queue& queue) {
  for (const auto& seat : queue.seats) step_out(*seat);
}

void Lanes::park(LaneSeat& seat, Cap& cap) {
  QueueSeat& in = *seat.queue;
  Line& line = *in.line;
  if (seat.parked != nullptr) {
    unpark(seat);
  } else {
    in.lanes.remove(seat);
    drop_baton(seat);
    if (in.lanes.empty()) line.queues.remove(in);
  }
  ParkedSeats* at = cap.find(line);
  if (at == nullptr) at = cap.parked.emplace_back(std::make_unique<ParkedSeats>(ParkedSeats{&line})).get();
  auto& parked = at->all[&in];
  if (!parked) {
    parked = std::make_unique<ParkedQueue>(ParkedQueue{&in, &cap});
    parked->came = ++line.arrivals;
  }
  parked->pass = in.pass;
  parked->lanes.update(seat);
  seat.parked = parked.get();
  if (!parked->passed_over) at->queues.update(*parked);
  look_again(*parked);
}

void Lanes::unpark(LaneSeat& seat) {
  ParkedQueue& from = *std::exchange(seat.parked, nullptr);
  from.lanes.remove(seat);
  if (!from.lanes.empty()) return;
  QueueSeat& in = *from.queue;
  Cap& cap = *from.cap;
  ParkedSeats& at = *cap.find(*in.line);
  if (from.passed_over) std::erase(in.passed_over, &from);
  at.queues.remove(from);
  at.all.erase(&in);
  if (at.all.empty()) std::erase_if(cap.parked, [&](const auto& seats) { return seats.get() == &at; });
}

/// If there is room, the best of those that are parked there comes back; what is held by another quota too is
/// parked at that.
void Lanes::hand_on(Cap& cap, Line& line) {
  if (cap.full()) return;
  while (ParkedSeats* at = cap.find(line)) {
    if (at->queues.empty()) return;
    ParkedQueue& first = *at->queues.top();
    if (!can_go_on(first)) {
      at->queues.remove(first);
      first.passed_over = true;
      first.queue->passed_over.push_back(&first);
      continue;
    }
    LaneSeat& seat = *first.lanes.top();
    if (Cap* other = seat.lane->caps->full(); other != nullptr) {
      park(seat, *other);
      continue;
    }
    join(seat);
    take_baton(seat);
    line.changed = true;
    return;
  }
}

/// The lane has left the line, or its turn has changed.
void Lanes::hand_on(const Lane& lane, Line& line) {
  for (Cap* cap : lane.caps->caps) hand_on(*cap, line);
}

/// The quota has room for one more, or a named one another size. Of a keyed one only those caps have not
/// handed on before that had been full until now: each job may say another number, and they are not all
/// looked at.
void Lanes::hand_on(const Quota& quota) {
  const std::uint64_t used = quota.running + quota.claimed;
  const auto found = quota.keyed ? quota.caps.find(static_cast<std::uint32_t>(used + 1)) : quota.caps.begin();
  if (found == quota.caps.end()) return;
  Cap& cap = *found->second;
  // From the back: one that nobody is parked at any more goes.
  for (std::size_t i = cap.parked.size(); i-- > 0;) hand_on(cap, *cap.parked[i]->line);
}

/// One of the same queue that takes the same quota and comes first: the baton may have gone to another queue.
LaneSeat* Lanes::sooner_parked(const LaneSeat& seat) {
  for (const Cap* cap : seat.lane->caps->caps) {
    const ParkedSeats* at = cap->find(*seat.queue->line);
    if (at == nullptr) continue;
    const auto parked = at->all.find(seat.queue);
    if (parked == at->all.end()) continue;
    LaneSeat* best = parked->second->lanes.top();
    if (LaneSeatLess()(*best, seat)) return best;
  }
  return nullptr;
}

LaneSeat* Lanes::next(Line& line) {
  while (!line.queues.empty()) {
    QueueSeat& queue = *line.queues.top();
    LaneSeat& seat = *queue.lanes.top();
    const Lane& lane = *seat.lane;
    if (lane.caps != nullptr) {
      if (Cap* full = lane.caps->full(); full != nullptr) {
        park(seat, *full);
        hand_on(lane, line);
        continue;
      }
      if (LaneSeat* sooner = sooner_parked(seat); sooner != nullptr) {
        join(*sooner);
        continue;
      }
    }
    if (lane.best() != nullptr) return &seat;
    queue.from_disk = true;
    step_out(queue);
  }
  return nullptr;
}

/// The first whose quotas have room. A queue whose next one has still to come from disk is passed over.
LaneSeat* Lanes::first_of(const Line& line, const Which& which) {
  LaneSeat* first = nullptr;
  for (const QueueSeat* queue : line.queues.items()) {
    if (first != nullptr && !PassLess()(*queue, *first->queue)) continue;
    LaneSeat* of_queue = nullptr;
    for (LaneSeat* seat : queue->lanes.items()) {
      const Lane& lane = *seat->lane;
      if (!which(*lane.function) || (lane.caps != nullptr && lane.caps->full() != nullptr)) continue;
      if (of_queue == nullptr || LaneSeatLess()(*seat, *of_queue)) of_queue = seat;
    }
    if (of_queue != nullptr && of_queue->lane->best() != nullptr) first = of_queue;
  }
  return first;
}

LaneSeat* Lanes::next_of(Line& line, const Which& which) {
  for (;;) {
    LaneSeat* first = first_of(line, which);
    if (first == nullptr || first->lane->caps == nullptr) return first;
    LaneSeat* sooner = sooner_parked(*first);
    if (sooner == nullptr) return first;
    join(*sooner);
  }
}

Job& Lanes::take(LaneSeat& seat, Instant now) {
  QueueSeat& in = *seat.queue;
  Queue& queue = *in.queue;
  Line& line = *in.line;
  Job& job = *seat.lane->best();
  line.pass = in.pass;
  in.pass += stride(queue);
  line.queues.update(in);
  if (const CapSet* caps = seat.lane->caps; caps != nullptr) {
    for (const Cap* cap : caps->caps) ++cap->quota->running;
    job.has_quotas = true;
  }
  count_flow(seat.lane->flow);
  remove(job);
  if (queue.policy.has_rate()) spend(queue, now);
  return job;
}

void Lanes::take_back(Job& job, Line& line) {
  Queue& queue = *job.lane->queue;
  for (const auto& seat : queue.seats) {
    if (seat->line != &line) continue;
    seat->pass -= std::min(seat->pass, stride(queue));
    if (QueueHeap::contains(*seat)) line.queues.update(*seat);
  }
  if (queue.policy.has_rate()) unspend(queue);
  give_back(job);
}

void Lanes::give_back(Job& job) {
  if (!std::exchange(job.has_quotas, false)) return;
  const std::vector<Cap*>& caps = job.lane->caps->caps;
  for (const Cap* cap : caps) --cap->quota->running;
  for (const Cap* cap : caps) hand_on(*cap->quota);
}

void Lanes::claim(const Job& job) {
  if (job.lane->caps == nullptr) return;
  for (const Cap* cap : job.lane->caps->caps) ++cap->quota->claimed;
}

void Lanes::drop_claim(const Job& job) {
  if (job.lane->caps == nullptr) return;
  for (const Cap* cap : job.lane->caps->caps) --cap->quota->claimed;
  for (const Cap* cap : job.lane->caps->caps) hand_on(*cap->quota);
}

bool Lanes::take_claimed(Job& job) {
  const CapSet* caps = job.lane->caps;
  if (caps == nullptr) return true;
  if (!caps->free_for_claim()) return false;
  for (const Cap* cap : caps->caps) {
    --cap->quota->claimed;
    ++cap->quota->running;
  }
  job.has_quotas = true;
  return true;
}

void Lanes::configure(std::string_view name, const QueuePolicy& policy) {
  Queue& queue = this->queue(name);
  if (queue.policy != policy) {
    // The order of its lanes may depend on it: they come back to heaps that have no other.
    queue.closed = true;
    close(queue);
    for (const Lane* lane : queue.lanes) {
      for (const auto& seat : lane->seats) withdraw(*seat);
    }
    const bool same_rate = queue.policy.jobs == policy.jobs && queue.policy.per == policy.per &&
                           queue.policy.burst == policy.burst;
    queue.policy = policy;
    if (!same_rate) {
      queue.spent = false;
      queue.full_at = {};
    }
    queue.closed = false;
    for (Lane* lane : queue.lanes) refresh(*lane);
    if (queue.open()) open(queue);
  }
  drop_unused(queue);
}

void Lanes::pause(std::string_view name) {
  Queue& queue = this->queue(name);
  if (!std::exchange(queue.paused, true)) close(queue);
}

void Lanes::resume(std::string_view name) {
  Queue* queue = find_queue(name);
  if (queue == nullptr) return;
  if (std::exchange(queue->paused, false) && queue->open()) open(*queue);
  drop_unused(*queue);
}

void Lanes::configure_quota(const std::string& name, std::uint64_t size) {
  hand_on(quotas_.configure(name, size));
}

bool Lanes::remove_quota(const std::string& name) {
  if (!quotas_.is_configured(name)) return false;
  if (const Quota* still_there = quotas_.remove(name); still_there != nullptr) hand_on(*still_there);
  return true;
}

}  // namespace promised
