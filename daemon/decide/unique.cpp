// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/unique.hpp"

#include <memory>
#include <string>

namespace promised {

Hash128 UniqueJobs::hash(std::uint32_t owner, std::string_view function, std::string_view arguments) const {
  std::string called = std::to_string(owner) + ' ';
  called += function;
  const Hash128 of_call = keyed_hash(key_, called);
  return keyed_hash({key_[0] ^ of_call[0], key_[1] ^ of_call[1]}, arguments);
}

Job* UniqueJobs::find(const Hash128& hash) const {
  const auto found = jobs_.find(hash);
  return found == jobs_.end() ? nullptr : found->second;
}

void UniqueJobs::hold(Job& job, const Hash128& hash) {
  job.more().unique = std::make_unique<Hash128>(hash);
  jobs_[hash] = &job;
}

void UniqueJobs::release(const Job& job) {
  if (!job.detail || !job.detail->unique) return;
  const auto found = jobs_.find(*job.detail->unique);
  if (found != jobs_.end() && found->second == &job) jobs_.erase(found);
}

}  // namespace promised
