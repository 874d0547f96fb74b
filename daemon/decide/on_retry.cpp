// SPDX-License-Identifier: Apache-2.0
// Jobs that have failed and are to run again, because somebody says so: an administrator of a quarantined job
// whose worker is mended, for one (SEMANTICS A3, M4).
#include <string>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

message::Refused without_arguments(const JobId& id) {
  return {
      .code = "arguments_gone",
      .message = "job " + id.text() +
                 " cannot run again: its arguments are gone. They are kept of durable jobs that have failed "
                 "here, and of quarantined ones; submit the call again"};
}

}  // namespace

/// Those of a job that has failed are needed if it is to run again: they are on disk, or stay here.
void Scheduler::let_go_of_arguments(Job& job) {
  if (job.state == State::failed) {
    const bool quarantined = job.story().failure.cause == Cause::quarantined;
    if (job.durable() ? !job.written : quarantined) return;
  }
  accounts_.subtract(job.owner, Quantity::bytes, job.arguments.size());
  job.arguments = {};
}

void Scheduler::on(Asked& asked, message::RetryJob& retry, Turn& t) {
  Job* job = find(asked, retry.key, Touch::steer, t);
  if (job == nullptr || refuse_stalled(asked, *job, t)) return;
  if (job->state != State::failed) {
    reply(asked.event.session, asked.number(), message::Known{job->id, job->state, false},
          job->durable() && !is_on_disk(*job), t);
    return;
  }
  if (auto refused = check_retry(*job)) {
    refuse(asked.event.session, asked.number(), std::move(*refused), t);
  } else if (job->durable() && job->written && job->arguments_size > 0) {
    t.plan.effects.emplace_back(effect::LoadArguments{job->id, asked.event.session, asked.number()});
  } else if (job->arguments.size() != job->arguments_size) {
    refuse(asked.event.session, asked.number(), without_arguments(job->id), t);
  } else {
    const JobId id = job->id;
    run_again(*job, job->arguments, t);
    reply(asked.event.session, asked.number(), message::Known{id, job->state, true}, job->durable(), t);
  }
}

void Scheduler::on(event::ArgumentsLoaded&& e, Turn& t) {
  Job* job = jobs_.find(e.job);
  if (job == nullptr) {
    refuse(e.session, e.number, lapsed(e.job), t);
    return;
  }
  if (job->state == State::failed && e.arguments.size() != job->arguments_size) {
    refuse(e.session, e.number, without_arguments(e.job), t);
    return;
  }
  // Somebody else may have said the same meanwhile.
  const bool effect = job->state == State::failed;
  if (effect) run_again(*job, std::move(e.arguments), t);
  reply(e.session, e.number, message::Known{e.job, job->state, effect}, true, t);
}

/// What keeps it from running again; nothing: it may.
std::optional<message::Refused> Scheduler::check_retry(const Job& job) const {
  if (draining_)
    return message::Refused{.code = "stopping", .message = "the daemon is stopping and begins no more jobs"};
  if (const Kin* kin = job.kin(); kin != nullptr && kin->link.composite != Composite::none)
    return message::Refused{
        .code = "bad_request",
        .message = "job " + job.id.text() + " is a composite: its members can run again, it cannot itself"};
  if (const Kin* kin = job.kin(); kin != nullptr && (kin->behind > 0 || !kin->wanted_by.empty()))
    return message::Refused{.code = "bad_request",
                            .message = "others still wait to be given what job " + job.id.text() +
                                       " has come to; say it again when they have it"};
  if (kept_for_kin(job))
    return message::Refused{.code = "bad_request",
                            .message = "job " + job.id.text() + " is a part of job " +
                                       job.kin()->link.parent.text() + ", which has not ended"};
  if (job.function->offered_by.empty()) return no_function(job.function->name);
  // Brought back by a client that had its outcome alone.
  if (job.attempts == 0 && job.arguments_size == 0) return without_arguments(job.id);
  if (auto refused = check_queue(Options().queue(job.lane->queue->name))) return refused;
  if (auto refused = check_disk(job)) return refused;
  return accounts_.check(job.owner, Quantity::bytes, job.arguments_size);
}

/// A new attempt of a job that has failed, at the end of its queue. What it was to begin or to end by does
/// not count any more, nor do its interruptions; retries that are used up stay so.
void Scheduler::run_again(Job& job, Payload arguments, Turn& t) {
  clear_timer(job);
  begin_anew(job);
  accounts_.subtract(job.owner, Quantity::bytes, kept_bytes(job));
  job.arguments = std::move(arguments);
  if (Stream* stream = job.stream(); stream != nullptr) {
    stream->parts_in_store = stream->parts_read = stream->outcome_arrived = stream->output_in_store = false;
  }
  job.tell().reason.clear();
  accounts_.add(job.owner, Quantity::bytes, kept_bytes(job));
  JobLimits& limits = job.own_limits();
  limits.deadline = limits.begin_by = Millis(0);
  job.interruptions = 0;
  job.detail->cancel_now = false;
  if (job.story().failure.cause == Cause::quarantined) job.detail->pardoned = job.detail->crashes;
  job.cancel_asked = job.expire_asked = job.withdraw_asked = false;
  job.delivered = job.start_written = job.from_backlog = false;
  // Who submitted it has its outcome: what it comes to now is for those who ask.
  job.submitter = SessionId{};
  job.submitter_tag = job.number = 0;
  job.started = job.ended_at = WallTime();
  set_state(job, State::pending);
  if (job.detail->unique) {
    const Hash128 hash = unique_.hash(job.owner, job.function->name, job.arguments.view());
    if (unique_.find(hash) == nullptr) unique_.hold(job, hash);
  }
  job.queued = t.now.steady;
  Timing& timing = job.timings();
  timing.begin_after = WallTime();
  timing.follows_wall_clock = true;
  timing.moment = next_submitted(t.now);
  if (Kin* kin = job.kin(); kin != nullptr) kin->link.becomes = {};
  if (job.written) {
    job.batch = next_batch();
    t.plan.changes.emplace_back(change::RetryJob{job.id, timing.moment});
    if (job.kin() != nullptr) t.plan.changes.emplace_back(change::LinkJob{job.id, job.kin()->link});
  } else {
    write(job, t);  // it has failed before the store was told of it
  }
  happened(EventKind::retried, job, t);
  enqueue(job, t);
}

}  // namespace promised
