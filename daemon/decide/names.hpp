// SPDX-License-Identifier: Apache-2.0
// The names under which futures are remembered, each owner's apart (SEMANTICS R10), and the tombstones that
// tell "lapsed" and "forgotten" from "never heard of it" (R6).
#pragma once

#include <promised/types.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "common/clock.hpp"
#include "daemon/decide/accounts.hpp"
#include "daemon/decide/indexed_heap.hpp"

namespace promised {

struct Job;

struct NameEntry {
  std::uint32_t owner = 0;
  std::uint32_t grave = kNotInHeap;  ///< a tombstone's place among the tombstones
  std::string name;
  Job* job = nullptr;  ///< null: a tombstone
  State tombstone = State::unknown;
  WallTime until{};         ///< a tombstone's end
  std::uint64_t batch = 0;  ///< a tombstone's, of the store; 0: it is on disk, or is none of it
};

struct GraveLess {
  bool operator()(const NameEntry& a, const NameEntry& b) const { return a.until < b.until; }
};
struct GravePlace {
  std::uint32_t& operator()(NameEntry& entry) const { return entry.grave; }
};

class NameTable {
 public:
  /// Counts names in `accounts`, which must outlive this.
  explicit NameTable(Accounts& accounts) : accounts_(accounts) {}

  [[nodiscard]] NameEntry* find(std::uint32_t owner, const std::string& name);
  /// `name` now stands for `job`, and for no other any more.
  NameEntry& hold(std::uint32_t owner, const std::string& name, Job& job);
  /// The name stands for nothing any more; `batch`: see NameEntry.
  void bury(NameEntry& entry, State tombstone, WallTime until, std::uint64_t batch);
  void add_tombstone(std::uint32_t owner, const std::string& name, State tombstone, WallTime until);
  /// The tombstone whose end comes first; null if there is none.
  [[nodiscard]] NameEntry* oldest_tombstone() const { return graves_.empty() ? nullptr : graves_.top(); }
  void erase(NameEntry& entry);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t held() const { return entries_.size() - graves_.size(); }
  /// Calls `visit` with the jobs behind the names of one owner, the latest id first, from the one below
  /// `below` on (empty: from the latest of all), until it returns false. Others' names cost nothing.
  template <class Visit>
  void each_held(std::uint32_t owner, const JobId& below, Visit&& visit) const {
    const auto held = held_.find(owner);
    if (held == held_.end()) return;
    const ById& jobs = held->second;
    for (auto it = below.empty() ? jobs.begin() : jobs.upper_bound(below); it != jobs.end(); ++it) {
      if (!visit(static_cast<const Job&>(*it->second))) return;
    }
  }

 private:
  using Key = std::pair<std::uint32_t, std::string>;
  struct Hash {
    std::size_t operator()(const Key& key) const {
      return std::hash<std::string>()(key.second) ^ (key.first * 0x9e3779b97f4a7c15U);
    }
  };
  using ById = std::map<JobId, Job*, std::greater<>>;
  NameEntry& entry(std::uint32_t owner, const std::string& name);
  void let_go(NameEntry& entry);

  Accounts& accounts_;
  std::unordered_map<Key, NameEntry, Hash> entries_;
  std::unordered_map<std::uint32_t, ById> held_;  ///< of owners that hold any
  IndexedHeap<NameEntry, GraveLess, GravePlace> graves_;
};

}  // namespace promised
