// SPDX-License-Identifier: Apache-2.0
// From what the store remembers back to where the daemon was.
#include <algorithm>
#include <memory>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {

void Scheduler::restore(const RecoveredBacklog& backlog) {
  Lane& place = lane(backlog.queue, function(backlog.function), backlog.quotas);
  lanes_.add_backlog(place, backlog.priority, backlog.first, backlog.count);
  accounts_.job_made(backlog.owner, State::pending, backlog.count);
}

void Scheduler::restore_known(RecoveredJob recovered, Now now, Plan& plan) {
  Turn t{now, plan};
  backlog_ids_.erase(recovered.id);
  Job& job = bring_in(recovered, now);
  job.from_backlog = false;
  adopt_link(job);
  wait_on_disk(job, recovered, t);
}

/// A job as the store has it; it is in no list yet.
Job& Scheduler::revive(RecoveredJob& recovered, Now now) {
  const Options& options = recovered.options;
  const bool is_over = is_ended(recovered.state) && recovered.state != State::failed;
  Job& job = make_job(recovered.id, recovered.owner, recovered.function, options.queue(),
                      is_over ? std::string() : quota_text(options.quotas(), recovered.owner));
  job.submitted = recovered.submitted;
  job.written = true;
  last_submitted_ = std::max(last_submitted_, job.submitted);
  job.attempts = static_cast<std::uint16_t>(recovered.attempts);
  job.interruptions = static_cast<std::uint16_t>(recovered.interruptions);
  job.arguments_size = static_cast<std::uint32_t>(recovered.arguments_size);
  if (!recovered.command.empty())
    job.more().command = std::make_unique<const std::string>(std::move(recovered.command));
  if (recovered.crashes > 0) adopt_crashes(job, recovered);
  if (recovered.failure.cause != Cause::none) job.tell().failure = std::move(recovered.failure);
  restore_told(job, std::move(recovered.told));
  job.arguments = std::move(recovered.arguments);
  // How long it has waited goes on counting, also where the monotonic clock has begun anew.
  job.queued = now.steady - std::max(now.wall - job.submitted, std::chrono::microseconds(0));
  adopt_options(job, recovered.options);
  // One that is tried again was queued anew, at a moment that is not known.
  if (recovered.crashes > 0 || job.story().failure.cause != Cause::none) job.queued = now.steady;
  accounts_.add(job.owner, Quantity::bytes, kept_bytes(job));
  return job;
}

/// How many of them count no more is not written: those up to the last quarantine, under the max_crashes of
/// now.
void Scheduler::adopt_crashes(Job& job, const RecoveredJob& recovered) const {
  JobDetail& detail = job.more();
  detail.crashes = static_cast<std::uint16_t>(recovered.crashes);
  const std::uint32_t most = settings_.limits.max_crashes;
  detail.pardoned = recovered.failure.cause == Cause::quarantined
                        ? detail.crashes
                        : static_cast<std::uint16_t>(recovered.crashes / most * most);
}

void Scheduler::restore(RecoveredJob recovered, Now now, Plan& plan) {
  Turn t{now, plan};
  Job& job = revive(recovered, now);
  adopt_link(job);
  job.submitter_tag = recovered.client;
  if (is_ended(recovered.state)) {
    set_state(job, recovered.state);
    job.started = recovered.began;
    job.ended_at = recovered.ended;
    job.result_size = recovered.result_size;
    if (!recovered.reason.empty()) job.tell().reason = std::move(recovered.reason);
    job.result_in_store = recovered.state == State::succeeded && recovered.result_size > 0;
    // Made from its arguments if it runs again; until then it is no other's equal.
    if (recovered.state == State::failed && std::as_const(recovered.options).unique())
      job.more().unique = std::make_unique<Hash128>();
    set_wall_timer(job, now.wall + settings_.limits.keep_unfetched);  // its submitter is gone since now
    return;
  }
  if (std::as_const(recovered.options).abandon() == Abandon::cancel) {
    // Its client has as long to come back as if it had lost its connection now.
    tie(job, recovered.client, std::as_const(recovered.options).abandon_grace().value_or(Millis(0)),
        now.steady);
  }
  if (is_of_kin(job)) {
    wait_again(job, recovered);
  } else {
    resume(job, recovered, t);
  }
}

/// Goes on with a job that has not ended. One that had entered its queue later than it was submitted, or
/// would have done so while the daemon was away, stands there as it did.
void Scheduler::resume(Job& job, RecoveredJob& recovered, Turn& t) {
  const bool has_to_wait = recovered.due > t.now.wall;
  if (recovered.due != WallTime() && !has_to_wait) job.timings().moment = recovered.due;
  if (std::as_const(recovered.options).unique()) hold_unique(job);
  if (!recovered.reason.empty()) {
    // Its cancelling had been told, and its run was cut off before it had stopped.
    end_job(job, State::cancelled, {}, std::move(recovered.reason), {}, t);
  } else if (recovered.started) {
    interrupt(job, t);
  } else if (has_to_wait && job.has_begun()) {
    pause(job, recovered.due - t.now.wall, t);
  } else {
    admit(job, t);
  }
}

void Scheduler::restore(RecoveredName recovered, Now now, Plan& plan) {
  if (recovered.state == State::lapsed || recovered.state == State::forgotten) {
    names_.add_tombstone(recovered.owner, recovered.name, recovered.state, recovered.until);
    return;
  }
  Job* job = jobs_.find(recovered.id);
  if (job == nullptr) {
    // A name is written with its job, and goes with it.
    plan.changes.emplace_back(change::DeleteName{recovered.owner, recovered.name});
    return;
  }
  job->name = &names_.hold(recovered.owner, recovered.name, *job);
  job->was_named = true;
  job->more().lifespan = recovered.lifespan;
  Turn t{now, plan};
  keep_or_release(*job, t);
}

void Scheduler::restore(const RecoveredGrave& grave) {
  graves_.add(grave.id, {grave.owner, grave.guard, grave.until});
}

void Scheduler::start(Now now, Plan& plan) {
  Turn t{now, plan};
  apply_steering(t);
  restore_kin(t);
  follow_recovered(t);
  for (Pool& pool : pools_) start_workers(pool, t);
}

}  // namespace promised
