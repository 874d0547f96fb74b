// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/names.hpp"

#include <iterator>

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
  if (e.tombstone != State::unknown) graves_.erase(e.grave);
  e.tombstone = State::unknown;
  e.job = &job;
  return e;
}

void NameTable::bury(NameEntry& e, State tombstone, WallTime until) {
  if (e.tombstone != State::unknown) graves_.erase(e.grave);
  e.job = nullptr;
  e.tombstone = tombstone;
  e.until = until;
  // Nearly always the last: all tombstones are kept equally long.
  auto place = graves_.end();
  while (place != graves_.begin() && (*std::prev(place))->until > until) --place;
  e.grave = graves_.insert(place, &e);
}

void NameTable::add_tombstone(std::uint32_t owner, const std::string& name, State tombstone, WallTime until) {
  bury(entry(owner, name), tombstone, until);
}

void NameTable::erase(NameEntry& e) {
  if (e.tombstone != State::unknown) graves_.erase(e.grave);
  accounts_.subtract(e.owner, Quantity::names);
  entries_.erase({e.owner, e.name});
}

}  // namespace promised
