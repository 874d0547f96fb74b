// SPDX-License-Identifier: Apache-2.0
// How many jobs run at once, over all pools and queues (SEMANTICS Q3 to Q5). A named quota has the size that
// is configured; one that is not configured, or not any more, binds nobody. A keyed quota is there while a
// lane has it, each owner has keys of its own, and every job says itself how many may run with it. Counts
// only: who goes on when there is room is seats.cpp's.
#pragma once

#include <promised/types.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daemon/decide/seats.hpp"

namespace promised {

struct Quota {
  static constexpr std::uint64_t kUnbound = UINT64_MAX;

  std::string id;    ///< in the text of a set, without what a job says of it
  std::string name;  ///< or the key
  bool keyed = false;
  std::uint64_t size = kUnbound;  ///< of a named one
  std::uint64_t running = 0;      ///< jobs that have it, with those that stand in the channel of a worker
  std::uint64_t claimed = 0;      ///< by jobs that have waited for others: they go on before new ones begin
  std::map<std::uint32_t, std::unique_ptr<Cap>> caps;  ///< by how many may run, of a keyed one
};

/// A quota as a set of jobs has it.
struct Cap {
  Quota* quota;
  std::uint32_t most = 0;  ///< keyed: jobs that may run at once
  std::uint64_t sets = 0;  ///< that have it
  std::vector<std::unique_ptr<ParkedSeats>> parked;

  [[nodiscard]] std::uint64_t size() const { return quota->keyed ? most : quota->size; }
  /// Whether no further job may begin.
  [[nodiscard]] bool full() const { return quota->running + quota->claimed >= size(); }
  [[nodiscard]] ParkedSeats* find(const Line& line) const {
    for (const auto& seats : parked) {
      if (seats->line == &line) return seats.get();
    }
    return nullptr;
  }
};

/// All quotas of a job. Jobs with the same ones share it: it is a part of their lane.
struct CapSet {
  std::string text;  ///< see quota_text()
  std::vector<QuotaUse> uses;
  std::vector<Cap*> caps;
  std::uint64_t lanes = 0;

  /// One that is full; null: a job may begin.
  [[nodiscard]] Cap* full() const {
    for (Cap* cap : caps) {
      if (cap->full()) return cap;
    }
    return nullptr;
  }
  /// How many more may begin.
  [[nodiscard]] std::uint64_t room() const;
  /// Whether a job that has claimed its quotas may go on.
  [[nodiscard]] bool free_for_claim() const;
};

/// The one text of these quotas of a job of `owner`; none for none. It is kept with jobs that wait on disk.
[[nodiscard]] std::string quota_text(const std::vector<QuotaUse>& uses, std::uint32_t owner);

class Quotas {
 public:
  /// Null: no lane has these.
  [[nodiscard]] CapSet* find(std::string_view text) const;
  /// `text` is quota_text()'s and not empty.
  CapSet& intern(const std::string& text);
  /// No lane has it any more.
  void drop(CapSet& set);

  /// The named quota has this size from now on: see Lanes, which knows who waits for it.
  Quota& configure(const std::string& name, std::uint64_t size);
  /// It binds nobody any more. Null: nobody has it.
  Quota* remove(const std::string& name);
  [[nodiscard]] bool is_configured(const std::string& name) const { return configured_.contains(name); }
  /// Jobs that have the named quota now, whether it binds or not.
  [[nodiscard]] std::uint64_t holders(const std::string& name) const;
  /// Those that are configured, by name.
  [[nodiscard]] const std::map<std::string, Quota*>& configured() const { return configured_; }

 private:
  Quota& quota(const std::string& id);
  Cap& cap(Quota& quota, std::uint32_t most);
  void drop_unused(Quota& quota);

  std::unordered_map<std::string_view, std::unique_ptr<Quota>> quotas_;  ///< by id
  std::unordered_map<std::string_view, std::unique_ptr<CapSet>> sets_;   ///< by text
  std::map<std::string, Quota*> configured_;
};

}  // namespace promised
