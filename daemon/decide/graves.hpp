// SPDX-License-Identifier: Apache-2.0
// Tombstones of ids: what is left of a job that is gone where that matters. Of one that had a name, so that
// asking by its id answers "lapsed" too (SEMANTICS R6); of one that was to run at most once and whose outcome
// nobody has fetched, so that its submitter, back after a long time, does not submit it again (S2). A job
// that is neither, or that its submitter has, leaves none.
#pragma once

#include <promised/types.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>

#include "common/clock.hpp"
#include "daemon/decide/accounts.hpp"
#include "daemon/decide/id_set.hpp"

namespace promised {

class Graves {
 public:
  struct Grave {
    std::uint32_t owner = 0;
    bool guard = false;  ///< it keeps a job from running twice
    WallTime until{};
  };

  /// `most`: of those that are no guard. Counts guards as jobs in `accounts`; both must outlive this. `seed`:
  /// secret, for the hash of ids.
  Graves(const std::uint64_t& most, Accounts& accounts, std::uint64_t seed)
      : most_(most), accounts_(accounts), graves_(0, Hash{seed}) {}

  /// Null if there is none.
  [[nodiscard]] const Grave* find(const JobId& id) const {
    if (graves_.empty()) return nullptr;
    const auto it = graves_.find(id);
    return it == graves_.end() ? nullptr : &it->second;
  }
  /// False if there is one already.
  bool add(const JobId& id, const Grave& grave) {
    if (!graves_.try_emplace(id, grave).second) return false;
    (grave.guard ? guards_ : plain_).push_back(id);
    if (grave.guard) accounts_.add(grave.owner, Quantity::jobs);
    return true;
  }
  /// Takes out one whose time is over, or that is one too many: of those that are no guard the oldest makes
  /// room. All are kept for equally long, so that the first to come is the first to go.
  [[nodiscard]] std::optional<JobId> take_ended(WallTime now) {
    if (plain_.size() > most_ || is_over(plain_, now)) return take_first(plain_);
    if (is_over(guards_, now)) return take_first(guards_);
    return std::nullopt;
  }
  /// When take_ended() has something; nothing while there is none.
  [[nodiscard]] std::optional<WallTime> next_end() const {
    std::optional<WallTime> next;
    for (const std::deque<JobId>* queue : {&plain_, &guards_}) {
      if (queue->empty()) continue;
      const WallTime end = graves_.at(queue->front()).until;
      next = std::min(next.value_or(end), end);
    }
    return next;
  }
  [[nodiscard]] std::size_t size() const { return graves_.size(); }

 private:
  struct Hash {
    std::uint64_t seed;
    std::size_t operator()(const JobId& id) const { return hash_id(id, seed); }
  };

  [[nodiscard]] bool is_over(const std::deque<JobId>& queue, WallTime now) const {
    return !queue.empty() && graves_.at(queue.front()).until <= now;
  }
  JobId take_first(std::deque<JobId>& queue) {
    const JobId id = queue.front();
    queue.pop_front();
    const auto it = graves_.find(id);
    if (it->second.guard) accounts_.subtract(it->second.owner, Quantity::jobs);
    graves_.erase(it);
    return id;
  }

  const std::uint64_t& most_;
  Accounts& accounts_;
  std::unordered_map<JobId, Grave, Hash> graves_;
  std::deque<JobId> plain_;
  std::deque<JobId> guards_;
};

}  // namespace promised
