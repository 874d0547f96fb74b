// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/names.hpp"

#include <utility>

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
  if (e.job == nullptr) ++held_[owner];
  e.job = &job;
  return e;
}

/// No job is behind it any more.
void NameTable::let_go(NameEntry& e) {
  if (std::exchange(e.job, nullptr) == nullptr) return;
  const auto held = held_.find(e.owner);
  if (--held->second == 0) held_.erase(held);
}

void NameTable::bury(NameEntry& e, State tombstone, WallTime until) {
  graves_.remove(e);
  let_go(e);
  e.tombstone = tombstone;
  e.until = until;
  graves_.update(e);
}

void NameTable::add_tombstone(std::uint32_t owner, const std::string& name, State tombstone, WallTime until) {
  bury(entry(owner, name), tombstone, until);
}

void NameTable::erase(NameEntry& e) {
  graves_.remove(e);
  let_go(e);
  accounts_.subtract(e.owner, Quantity::names);
  entries_.erase({e.owner, e.name});
}

}  // namespace promised
