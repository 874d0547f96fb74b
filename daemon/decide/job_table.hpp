// SPDX-License-Identifier: Apache-2.0
// All jobs, found by id. Addresses are stable. Ids come from clients, so they are hashed with a secret seed.
#pragma once

#include <promised/types.hpp>

#include <cstdint>
#include <memory>
#include <unordered_set>

#include "daemon/decide/id_set.hpp"
#include "daemon/decide/job.hpp"

namespace promised {

class JobTable {
 public:
  explicit JobTable(std::uint64_t seed) : jobs_(0, Hash{seed}) {}

  [[nodiscard]] Job* find(const JobId& id) const {
    const auto it = jobs_.find(id);
    return it == jobs_.end() ? nullptr : it->get();
  }
  /// A new job; there must be none with this id.
  Job& make(const JobId& id) { return **jobs_.insert(std::make_unique<Job>(id)).first; }
  void erase(Job& job) { jobs_.erase(jobs_.find(job.id)); }

  [[nodiscard]] std::size_t size() const { return jobs_.size(); }
  [[nodiscard]] auto begin() const { return jobs_.begin(); }
  [[nodiscard]] auto end() const { return jobs_.end(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::uint64_t seed;

    std::size_t operator()(const JobId& id) const { return hash_id(id, seed); }
    std::size_t operator()(const std::unique_ptr<Job>& job) const { return (*this)(job->id); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const std::unique_ptr<Job>& a, const std::unique_ptr<Job>& b) const {
      return a->id == b->id;
    }
    bool operator()(const JobId& a, const std::unique_ptr<Job>& b) const { return a == b->id; }
    bool operator()(const std::unique_ptr<Job>& a, const JobId& b) const { return a->id == b; }
  };
  std::unordered_set<std::unique_ptr<Job>, Hash, Equal> jobs_;
};

}  // namespace promised
