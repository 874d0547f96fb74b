// SPDX-License-Identifier: Apache-2.0
// The names under which futures are remembered, each owner's apart (SEMANTICS R10), and the tombstones that
// tell "lapsed" and "forgotten" from "never heard of it" (R6).
#pragma once

#include <promised/types.hpp>

#include <cstdint>
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
  std::string name;
  Job* job = nullptr;  ///< null: a tombstone
  State tombstone = State::unknown;
  WallTime until{};                  ///< a tombstone's end
  std::uint32_t grave = kNotInHeap;  ///< a tombstone's place among the tombstones
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
  /// `name` now stands for `job`; there must be no job behind it.
  NameEntry& hold(std::uint32_t owner, const std::string& name, Job& job);
  /// The name stands for nothing any more.
  void bury(NameEntry& entry, State tombstone, WallTime until);
  void add_tombstone(std::uint32_t owner, const std::string& name, State tombstone, WallTime until);
  /// The tombstone whose end comes first; null if there is none.
  [[nodiscard]] NameEntry* oldest_tombstone() const { return graves_.empty() ? nullptr : graves_.top(); }
  void erase(NameEntry& entry);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t held() const { return entries_.size() - graves_.size(); }
  /// Of one owner.
  [[nodiscard]] std::uint64_t held(std::uint32_t owner) const {
    const auto it = held_.find(owner);
    return it == held_.end() ? 0 : it->second;
  }

 private:
  using Key = std::pair<std::uint32_t, std::string>;
  struct Hash {
    std::size_t operator()(const Key& key) const {
      return std::hash<std::string>()(key.second) ^ (key.first * 0x9e3779b97f4a7c15U);
    }
  };
  NameEntry& entry(std::uint32_t owner, const std::string& name);
  void let_go(NameEntry& entry);

  Accounts& accounts_;
  std::unordered_map<Key, NameEntry, Hash> entries_;
  std::unordered_map<std::uint32_t, std::uint64_t> held_;  ///< of owners that hold any
  IndexedHeap<NameEntry, GraveLess, GravePlace> graves_;
};

}  // namespace promised
