// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/strays.hpp"

#include <algorithm>
#include <cstddef>

#include "daemon/spawner/process_facts.hpp"

namespace promised {
namespace {

// That are judged, or reaped, in one step.
constexpr std::size_t kStep = 128;

}  // namespace

void Strays::add(WorkerId worker, pid_t pid) {
  leaders_.emplace(pid, Leader{worker, started_at(pid).value_or(0)});
  workers_.insert(worker);
  gone_.erase(pid);
}

void Strays::remove(WorkerId worker, pid_t pid) {
  leaders_.erase(pid);
  workers_.erase(worker);
  gone_.insert_or_assign(pid, worker);
  dying_[worker];
}

bool Strays::leaves_dying(WorkerId worker) {
  const auto found = dying_.find(worker);
  if (found == dying_.end()) return false;
  auto& pids = found->second;
  while (!pids.empty() && (!killed_.contains(pids.back()) || has_ended(pids.back()))) pids.pop_back();
  return !pids.empty();
}

Result<Strays::Step> Strays::step() {
  Step done = Step::went_on;
  if (unjudged_.empty() && look_) {
    look_ = false;
    PROMISED_ASSIGN(done, look());
  }
  judge();
  return done;
}

// The dead are looked for before what may have come from them, so that none of that is missed.
Result<Strays::Step> Strays::look() {
  const bool all_dead = killed_.all_dead();
  PROMISED_ASSIGN(const std::vector<pid_t> all, children_of_this_thread());
  for (const pid_t pid : all) {
    if (leaders_.contains(pid) || killed_.contains(pid)) continue;
    if (refused_.contains(pid) && !has_ended(pid)) continue;
    const auto spared = spared_.find(pid);
    if (spared != spared_.end() && is_there(spared->second) && !has_ended(pid)) continue;
    unjudged_.push_back(pid);
  }
  if (all_dead && unjudged_.empty()) gone_.clear();
  if ((all_dead && unjudged_.empty()) || killed_.too_many()) {
    const bool done = killed_.reap(kStep);
    look_ = !done || !unjudged_.empty();
    return Step::reaped;
  }
  look_ = !unjudged_.empty();
  return Step::went_on;
}

void Strays::judge() {
  for (std::size_t i = 0; i < kStep && !unjudged_.empty(); ++i) {
    const pid_t pid = unjudged_.back();
    unjudged_.pop_back();
    // What was found out before holds: it may have changed itself since.
    std::optional<Owner> owner;
    if (const auto known = spared_.find(pid); known != spared_.end()) {
      owner = known->second;
      spared_.erase(known);
    } else if (!has_ended(pid)) {
      owner = owner_of(pid);
    }
    refused_.erase(pid);
    if (owner && is_there(*owner) && !has_ended(pid)) {
      spared_.emplace(pid, *owner);
    } else if (!killed_.kill(pid)) {
      refused_.insert(pid);
    } else if (owner && owner->worker) {
      const auto left_by = dying_.find(*owner->worker);
      if (left_by != dying_.end()) left_by->second.push_back(pid);
    }
  }
}

std::optional<Strays::Owner> Strays::owner_of(pid_t stray) const {
  if (const auto session = session_of(stray)) {
    const auto leader = leaders_.find(*session);
    if (leader != leaders_.end()) return Owner{leader->second.worker, 0};
    const auto gone = gone_.find(*session);
    if (gone != gone_.end()) return Owner{gone->second, 0};
  }
  if (const auto worker = worker_of(stray)) return Owner{worker, 0};
  if (const auto started = started_at(stray)) return Owner{std::nullopt, *started};
  return std::nullopt;
}

bool Strays::is_there(const Owner& owner) const {
  if (owner.worker) return workers_.contains(*owner.worker);
  return std::any_of(leaders_.begin(), leaders_.end(),
                     [&](const auto& leader) { return leader.second.started <= owner.started; });
}

int Strays::patience() const {
  constexpr int kForTheDying = 1000;
  if (look_ || !unjudged_.empty()) return 0;
  return killed_.empty() ? -1 : kForTheDying;
}

void Strays::reap_dead() {
  killed_.reap(kStep);
}

}  // namespace promised
