// SPDX-License-Identifier: Apache-2.0
// The end of a story: everybody does what is left to do, and nothing may be left.
#include <algorithm>
#include <utility>

#include "tests/unit/decide/property/world.hpp"

namespace promised::test {
namespace {

using namespace std::chrono_literals;

/// Rounds in which everybody works: far more than any story needs.
constexpr int kMostRounds = 3000;

}  // namespace

/// Each worker does one thing. Whether any had something to do.
bool World::everybody_works() {
  bool any = false;
  std::vector<WorkerId> all;
  for (const auto& [id, hand] : hands_) all.push_back(id);
  for (const WorkerId id : all) {
    const auto found = hands_.find(id);
    if (found == hands_.end()) continue;
    Hand& hand = found->second;
    if (!hand.ready && hand.signal == 0 && !hand.told_to_stop) {
      start_worker(hand, 1);
    } else if (hand.can_finish() || hand.can_claim()) {
      finish(hand, 5);
    } else if (hand.can_obey()) {
      obey(hand);
    } else {
      continue;
    }
    any = true;
    turn();
  }
  return any;
}

bool World::all_have_ended() const {
  return std::none_of(entries_.begin(), entries_.end(),
                      [](const auto& entry) { return entry.second.is_open(); }) &&
         !Audit(*scheduler_, settings_, now_).any_active();
}

void World::settle() {
  turn();
  commit();
  slow_disk_ = false;
  turn();
  everything_is_offered();
  for (Client& client : clients_) {
    client.session ? ask_again(client) : come_back(client);
  }
  // No queue is paused, and each quota has room.
  for (const char* queue : kQueues)
    ask(clients_[0], nullptr, message::SteerQueue{queue, QueueChange{false, false, 1, Rate{}, 0}});
  for (const char* quota : kQuotas) ask(clients_[0], nullptr, message::SteerQuota{quota, 1});
  turn();
  for (int round = 0; !all_have_ended(); ++round) {
    // Short for the limits of running jobs; as long as need be where all wait for a moment.
    const bool any = everybody_works();
    const Nanos next = any ? Nanos(0) : scheduler_->next_due(now_).value_or(Nanos(1s));
    pass(std::clamp<Nanos>(next, 20ms, 1000ms));
    if (round < kMostRounds) continue;
    const Audit audit(*scheduler_, settings_, now_);
    for (const auto& [number, entry] : entries_) {
      if (!entry.is_open()) continue;
      throw Violation("job " + entry.id.text() + " does not end, or its client is not told: it " +
                      audit.describe(entry.id) + audit.describe_pools());
    }
    throw Violation("a job that nobody waits for does not end");
  }
  read_everything();
  check_nothing_left();
}

/// Clients have all, and what was remembered lapses.
void World::check_nothing_left() {
  for (Client& client : clients_) {
    message::Request request{++client.number, client.received, std::monostate{}};
    tell(event::Requested{*client.session, {client.uid, client.uid, 4711}, std::move(request), {}});
  }
  turn();
  for (int days = 0; days < 3; ++days) pass(std::chrono::hours(24));
  // Workers that are not needed any more go, and others are there; then all is still.
  for (int round = 0; round < 100; ++round) {
    (void)everybody_works();
    pass(1000ms);
  }
  const Audit audit(*scheduler_, settings_, now_);
  audit.thorough();
  audit.nothing_left();
  if (store_.jobs() + store_.names() + store_.graves() + store_.links() > 0)
    throw Violation("the store still has " + std::to_string(store_.jobs()) + " jobs, " +
                    std::to_string(store_.names()) + " names, " + std::to_string(store_.links()) +
                    " links and " + std::to_string(store_.graves()) + " tombstones");
}

}  // namespace promised::test
