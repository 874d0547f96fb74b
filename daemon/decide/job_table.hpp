// SPDX-License-Identifier: Apache-2.0
// All jobs, found by id. Addresses are stable. Ids come from clients, so they are hashed with a secret seed.
#pragma once

#include <promised/types.hpp>

#include <cstdint>
#include <cstring>
#include <memory>
#include <unordered_set>

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

    std::size_t operator()(const JobId& id) const {
      std::uint64_t half[2];
      std::memcpy(half, id.bytes().data(), sizeof half);
      // Two rounds of multiply and fold (as in wyhash) under the secret seed.
      const auto mix = [](std::uint64_t a, std::uint64_t b) {
        __extension__ using Wide = unsigned __int128;
        const Wide product = static_cast<Wide>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
      };
      return mix(mix(half[0] ^ seed, 0x9e3779b97f4a7c15U ^ half[1]), seed | 1);
    }
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
