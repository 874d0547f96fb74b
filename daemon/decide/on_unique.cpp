// SPDX-License-Identifier: Apache-2.0
// Unique submissions join the job that they are equal to (SEMANTICS Q8).
#include "daemon/decide/scheduler.hpp"

namespace promised {

/// The job that the submission joins; null: it is a job of its own. One that is about to be cancelled or to
/// expire is no use to it, and one that lives in memory none to who wants it durable.
Job* Scheduler::find_equal(const Asked& asked, const message::Submit& submit) const {
  Job* job = unique_.find(unique_.hash(asked.uid(), submit.function, asked.event.payload.view()));
  if (job == nullptr || job->cancel_asked || job->withdraw_asked || job->expire_asked) return nullptr;
  if (submit.options.durability() == Durability::durable && !job->durable()) return nullptr;
  return job;
}

/// As Duplicate::attach does; a name that the submission brings is given to a job that has none.
void Scheduler::join(Asked& asked, const message::Submit& submit, const std::string& name, Job& job,
                     Turn& t) {
  if (!name.empty() && job.name == nullptr) give_name(job, name, submit.options.lifespan(), t);
  asked.session.note_joined(submit.id, job.id);
  message::Watch watch{.key = {job.id, {}}};
  on(asked, watch, t);
}

/// A unique job whose arguments are at hand.
void Scheduler::hold_unique(Job& job) {
  if (job.detail && job.detail->unique) return;
  unique_.hold(job, unique_.hash(job.owner, job.function->name, job.arguments.view()));
}

}  // namespace promised
