// SPDX-License-Identifier: Apache-2.0
// The store as a few maps: what the changes come to, as the real one has it in rows. A daemon that begins
// anew gets what is in it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "daemon/decide/scheduler.hpp"

namespace promised::test {

/// Something does not hold; says what.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class ModelStore {
 public:
  struct Row {
    RecoveredJob job;
    bool backlog = false;
    bool known = false;
    Payload result{};
    std::string quotas{};  ///< of the backlog
  };

  void apply(const Change& change);
  /// As a start does it.
  void restore(Scheduler& scheduler, Now now, Plan& plan) const;

  [[nodiscard]] std::vector<RecoveredJob> load_backlog(const effect::LoadBacklog& page) const;
  [[nodiscard]] std::optional<RecoveredJob> load_job(const JobId& id) const;
  /// Of a job that has failed; empty: there are none.
  [[nodiscard]] Payload load_arguments(const JobId& id) const;
  [[nodiscard]] std::optional<Payload> load_result(const JobId& id) const;
  [[nodiscard]] const Row* find(const JobId& id) const;
  /// It is there, or was.
  [[nodiscard]] bool has_had(const JobId& id) const { return had_.contains(id); }
  [[nodiscard]] std::size_t jobs() const { return rows_.size(); }
  [[nodiscard]] std::size_t names() const { return names_.size(); }
  [[nodiscard]] std::size_t links() const { return links_.size(); }
  [[nodiscard]] std::size_t graves() const { return graves_.size(); }

 private:
  void apply_to(const change::InsertJob& c);
  void apply_to(const change::StartJob& c);
  void apply_to(const change::RequeueJob& c);
  void apply_to(const change::AdjustJob& c);
  void apply_to(const change::KnowJob& c);
  void apply_to(const change::CancelJob& c);
  void apply_to(const change::EndJob& c);
  void apply_to(const change::DeleteJob& c);
  void apply_to(const change::TellJob& c);
  void apply_to(const change::TakeJob& c);
  void apply_to(const change::SetName& c);
  void apply_to(const change::DropName& c);
  void apply_to(const change::DeleteName& c);
  void apply_to(const change::BuryId& c);
  void apply_to(const change::DeleteGrave& c);
  void apply_to(const change::RetryJob& c);
  void apply_to(const change::SteerQueue& c);
  void apply_to(const change::SteerQuota& c);
  void apply_to(const change::LinkJob& c);
  void apply_to(const change::ReadyJob& c);
  Row* row(const JobId& id);

  std::unordered_map<JobId, Row> rows_;
  std::unordered_set<JobId> had_;
  std::map<std::pair<std::uint32_t, std::string>, RecoveredName> names_;
  std::map<JobId, RecoveredGrave> graves_;
  std::map<JobId, Link> links_;
  std::map<std::string, SteeredQueue> queues_;
  std::map<std::string, SteeredQuota> quotas_;
};

}  // namespace promised::test
