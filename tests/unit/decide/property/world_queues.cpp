// SPDX-License-Identifier: Apache-2.0
// How queues and quotas are configured, and what an administrator says of them.
#include <algorithm>
#include <utility>

#include "tests/unit/decide/property/world.hpp"

namespace promised::test {
namespace {

using namespace std::chrono_literals;

}  // namespace

/// Some queues are served in ways of their own.
std::vector<QueueSettings> World::queues_of(std::uint64_t choice) {
  Dice dice(choice);
  std::vector<QueueSettings> queues;
  // The first that fits counts, one with the very name before those that stand for several.
  for (const char* name : {"default", "q1", "q2", "q*", "*t"}) {
    if (dice.below(2) == 0) continue;
    QueueSettings& queue = queues.emplace_back();
    queue.name = name;
    queue.weight = 1 + static_cast<std::uint32_t>(dice.below(3));
    if (dice.below(2) == 0) queue.ageing = 20ms;
    if (dice.below(4) == 0) queue.rate = {1 + static_cast<std::uint32_t>(dice.below(5)), 100ms, 0};
    if (dice.below(6) == 0) queue.max_length = 10;
    if (dice.below(6) == 0) queue.paused = true;
    queue.hold = dice.below(3) == 0;
  }
  return queues;
}

/// As an administrator does, whose word lasts.
void World::steer_queues(const Step& step) {
  if (!clients_[0].session) return;
  Dice dice(step.detail);
  const auto any = [&](std::uint64_t n) { return static_cast<std::uint32_t>(dice.below(n)); };
  message::SteerQueue steer{kQueues[step.who % kQueues.size()]};
  if (step.kind == Step::Kind::pause) {
    (any(4) == 0 ? steer.change.draining : steer.change.paused) = any(2) == 0;
  } else if (step.kind == Step::Kind::policy) {
    if (any(2) == 0) steer.change.weight = 1 + any(3);
    if (any(2) == 0) steer.change.rate = any(2) == 0 ? Rate{} : Rate{1 + any(5), 100ms, any(4)};
    if (any(4) == 0) steer.change.max_length = any(20);
  } else {
    const bool remove = any(4) == 0;
    ask(clients_[0], nullptr, message::SteerQuota{kQuotas[any(2)], any(4), remove});
    return;
  }
  ask(clients_[0], nullptr, std::move(steer));
}

/// What waits in the queue now, in memory and on disk, is to go; and nothing that comes later.
void World::clear(const Step& step) {
  Client& admin = clients_[0];
  if (!admin.session) return;
  turn();
  const std::string queue = kQueues[step.who % kQueues.size()];
  const Audit audit(*scheduler_, settings_, now_);
  Clearing& clearing = clearings_[admin.number + 1];
  for (const auto& [number, of] : entries_) {
    if (std::as_const(of.options).queue() != queue || !audit.may_be_cleared(of.id)) continue;
    may_be_cleared_.insert(of.id);
    if (audit.must_be_cleared(of.id)) clearing.must_go.push_back(of.id);
  }
  ask(admin, nullptr, message::SteerQueue{queue, {}, true});
}

/// It is done, or refused because too much waits for the disk.
bool World::hear_cleared(std::uint64_t number, const message::Reply& reply) {
  const auto found = clearings_.find(number);
  if (found == clearings_.end()) return false;
  const Clearing clearing = std::move(found->second);
  clearings_.erase(found);
  const auto* count = std::get_if<message::Count>(&reply.body);
  if (count == nullptr) return true;
  const Audit audit(*scheduler_, settings_, now_);
  for (const JobId& id : clearing.must_go) {
    const Entry& of = entry(id);
    if (!of.retried && of.starts == 0 && audit.must_be_cleared(id))
      throw Violation("its queue is cleared, and job " + id.text() + " " + audit.describe(id));
  }
  return true;
}

void World::take_cleared(const Plan& plan) {
  for (const Change& change : plan.changes) {
    const auto* end = std::get_if<change::EndJob>(&change);
    if (end == nullptr || end->reason.find(" was cleared by user ") == std::string::npos) continue;
    ++tally_.cleared;
    // What comes to what another comes to has its reason too.
    const Entry& of = entry(end->id);
    if (of.nodes.empty() && !of.became && !may_be_cleared_.contains(end->id))
      throw Violation("job " + end->id.text() +
                      " has come after its queue was cleared, and is cancelled with it");
  }
}

}  // namespace promised::test
