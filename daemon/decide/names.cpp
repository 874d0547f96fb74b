// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/names.hpp"

#include <utility>

#include "daemon/decide/job.hpp"

namespace promised {

NameEntry* NameTable::find(std::uint32_t owner, const std::string& name) {
  const auto it = entries_.find({owner, name});
  return it == entries_.end() ? nullptr : &it->second;
}

NameEntry& NameTable::entry(std::uint32_t owner, const std::string& name) {
  const auto [place, made] = entries_.try_emplace({owner, name});
  NameEntry& entry = place->second;
  if (made) {
    entry.owner = owner;
    entry.name = name;
    accounts_.add(owner, Quantity::names);
  }
  return entry;
}

NameEntry& NameTable::hold(std::uint32_t owner, const std::string& name, Job& job) {
  NameEntry& e = entry(owner, name);
  graves_.remove(e);
  e.tombstone = State::unknown;
  let_go(e);
  e.job = &job;
  held_[owner].emplace(job.id, &job);
  return e;
}

/// No job is behind it any more.
void NameTable::let_go(NameEntry& e) {
  const Job* job = std::exchange(e.job, nullptr);
  if (job == nullptr) return;
  const auto held = held_.find(e.owner);
  held->second.erase(job->id);
  if (held->second.empty()) held_.erase(held);
}

void NameTable::bury(NameEntry& e, State tombstone, WallTime until, std::uint64_t batch) {
  graves_.remove(e);
  let_go(e);
  e.tombstone = tombstone;
  e.until = until;
  e.batch = batch;
  graves_.update(e);
}

void NameTable::add_tombstone(std::uint32_t owner, const std::string& name, State tombstone, WallTime until) {
  bury(entry(owner, name), tombstone, until, 0);
}

void NameTable::erase(NameEntry& e) {
  graves_.remove(e);
  let_go(e);
  accounts_.subtract(e.owner, Quantity::names);
  entries_.erase({e.owner, e.name});
}

}  // namespace promised
