// SPDX-License-Identifier: Apache-2.0
// All jobs, found by id. Addresses are stable. Ids come from clients, so they are hashed with a secret seed.
#pragma once

#include <promised/types.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "daemon/decide/fingerprint_table.hpp"
#include "daemon/decide/id_set.hpp"
#include "daemon/decide/job.hpp"

namespace promised {

class JobTable {
 public:
  explicit JobTable(std::uint64_t seed) : seed_(seed) {}

  [[nodiscard]] Job* find(const JobId& id) const {
    const Slot* slot = slot_of(id);
    return slot == nullptr ? nullptr : slot->job.get();
  }
  /// A new job; there must be none with this id.
  Job& make(const JobId& id) {
    auto made = std::make_unique<Job>(id);
    Job& job = *made;
    jobs_.insert({fingerprint(id, seed_), std::move(made)});
    return job;
  }
  void erase(const Job& job) { jobs_.erase(*slot_of(job.id)); }

  [[nodiscard]] std::size_t size() const { return jobs_.size(); }
  /// Over all of them, in no order.
  class Iterator;
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const;

 private:
  struct Slot {
    std::uint64_t print = 0;
    std::unique_ptr<Job> job;
  };
  [[nodiscard]] const Slot* slot_of(const JobId& id) const {
    return jobs_.find(fingerprint(id, seed_), [&](const Slot& slot) { return slot.job->id == id; });
  }

  std::uint64_t seed_;
  FingerprintTable<Slot> jobs_;
};

class JobTable::Iterator {
 public:
  Iterator(const Slot* at, const Slot* end) : at_(at), end_(end) { skip_free(); }
  Job* operator*() const { return at_->job.get(); }
  Iterator& operator++() {
    ++at_;
    skip_free();
    return *this;
  }
  friend bool operator==(const Iterator&, const Iterator&) = default;

 private:
  void skip_free() {
    while (at_ != end_ && at_->job == nullptr) ++at_;
  }

  const Slot* at_;
  const Slot* end_;
};

inline JobTable::Iterator JobTable::begin() const {
  const auto slots = jobs_.slots();
  return {slots.data(), slots.data() + slots.size()};
}

inline JobTable::Iterator JobTable::end() const {
  const auto slots = jobs_.slots();
  return {slots.data() + slots.size(), slots.data() + slots.size()};
}

}  // namespace promised
