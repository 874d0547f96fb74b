// SPDX-License-Identifier: Apache-2.0
// Which unique jobs have not ended, by what makes them equal: owner, function and arguments (SEMANTICS Q8).
// It keeps hashes of 128 bits under a secret key, so that it costs the same for arguments of any size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "common/keyed_hash.hpp"
#include "daemon/decide/job.hpp"

namespace promised {

class UniqueJobs {
 public:
  explicit UniqueJobs(std::uint64_t seed) : key_{seed, ~seed} {}

  [[nodiscard]] Hash128 hash(std::uint32_t owner, std::string_view function,
                             std::string_view arguments) const;
  /// The job with this hash; null if there is none.
  [[nodiscard]] Job* find(const Hash128& hash) const;
  /// The job is the one with this hash from now on, whichever was.
  void hold(Job& job, const Hash128& hash);
  /// The job has ended. Nothing happens if it is not here.
  void release(const Job& job);
  [[nodiscard]] std::size_t size() const { return jobs_.size(); }

 private:
  struct Shorten {
    std::size_t operator()(const Hash128& hash) const { return hash[0]; }
  };

  Hash128 key_;
  std::unordered_map<Hash128, Job*, Shorten> jobs_;
};

}  // namespace promised
