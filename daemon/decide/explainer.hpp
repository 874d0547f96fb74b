// SPDX-License-Identifier: Apache-2.0
// Why a job is where it is (SEMANTICS M3), from the scheduler's own state, in this moment.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "daemon/decide/scheduler.hpp"

namespace promised {

/// Looks at what dispatch itself looks at, and changes nothing. For one job and one moment.
class Scheduler::Explainer {
 public:
  /// `asked`: who is told of other jobs, of those that they may see. Null: nobody, as in JobView::reason.
  Explainer(const Scheduler& scheduler, const Job& job, Now now, const Asked* asked)
      : scheduler_(scheduler), job_(job), now_(now), asked_(asked) {}

  /// Every reason, the broadest first; also of one that runs or has ended.
  [[nodiscard]] std::vector<WaitReason> all() &&;
  /// What keeps one that waits first of all, in words.
  [[nodiscard]] std::string first() &&;

 private:
  using Reason = void (Explainer::*)();
  /// Of a job that waits in its queue.
  [[nodiscard]] static std::span<const Reason> reasons_in_queue();
  /// Where a job waits elsewhere, there is one reason. False: it is in its queue.
  bool explain_elsewhere();

  void ended();
  void running();
  void waiting();
  void next();
  void kin();
  [[nodiscard]] std::string why_kin_waits() const;
  void moment();
  void stopping();
  void disk();
  void paused();
  void rate();
  void quota();
  void holders_of(const Quota& quota);
  void on_disk();
  void function();
  void pools();
  void pool(const Pool& pool);
  void behind();

  void add(std::string code, std::string text, std::string subject = {}) {
    found_.push_back({std::move(code), std::move(text), std::move(subject)});
  }
  /// In the last reason, if who asks may know of it.
  void name_job(const Job& other);

  const Scheduler& scheduler_;
  const Job& job_;
  const Now now_;
  const Asked* const asked_;
  std::vector<WaitReason> found_;
};

}  // namespace promised
