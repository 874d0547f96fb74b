// SPDX-License-Identifier: Apache-2.0
// The backlog: durable jobs beyond max_in_memory wait on disk and are nothing here but a count, a place in
// their lane and eight bytes by which their id is known; or, if they have a name or a timeout or somebody has
// asked for them, a job without its arguments. They come in, in their order, as the lane moves.
#include <algorithm>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Which job a request is about, by id; empty if it is about none, or about a name.
JobId subject(const message::Request& request) {
  return std::visit(
      [](const auto& body) -> JobId {
        if constexpr (requires { body.key; }) {
          return body.key.name.empty() ? body.key.id : JobId();
        } else if constexpr (requires { body.ids; }) {
          return body.ids.size() == 1 ? body.ids.front() : JobId();
        } else if constexpr (requires { body.id; }) {
          return body.id;
        } else {
          return {};
        }
      },
      request.body);
}

}  // namespace

/// What is tied to its client stays in memory, and what is in no queue yet; so does what lives only there.
bool Scheduler::goes_to_backlog(const message::Submit& submit, const Lane& lane, Now now) const {
  const Options& options = submit.options;
  if (options.durability() != Durability::durable || options.abandon() != Abandon::go_on) return false;
  if (options.delay() > Millis(0) || options.begin_after() > now.wall) return false;
  return lanes_.full(lane, options.priority());
}

/// Something may happen to it before its turn.
bool Scheduler::has_to_be_known(const Options& options) {
  return options.timeout() > Millis(0) || options.deadline() > Millis(0) || options.begin_by() > Millis(0) ||
         options.unique();
}

void Scheduler::put_in_backlog(Asked& asked, message::Submit& submit, Lane& lane, Turn& t) {
  const WallTime submitted = next_submitted(t.now);
  const int priority = submit.options.priority();
  accounts_.job_made(asked.uid(), State::pending);
  backlog_ids_.insert(submit.id);
  handed_over_ += asked.event.payload.size();
  lanes_.add_backlog(lane, priority, submitted);
  t.plan.changes.emplace_back(change::InsertJob{submit.id, asked.uid(), std::move(submit.function),
                                                std::move(submit.options), std::move(asked.event.payload),
                                                submitted, true, false, asked.session.tag(), asked.number(),
                                                lane.quotas()});
  tell_accepted(asked.session, asked.number(), submit.id, Durability::durable, t);
}

/// What has a name or a timeout is known here while it waits on disk: all of it but its arguments.
Job& Scheduler::put_known_in_backlog(Asked& asked, message::Submit& submit, Lane& lane, Turn& t) {
  Job& job = make_job(asked, submit, t);
  lanes_.add_backlog(lane, job.priority, job.submitted);
  lanes_.pin(job);
  count_wait(job, t.now);
  job.written = true;
  job.batch = next_batch();
  expire_in_time(job);
  if (std::as_const(submit.options).unique())
    unique_.hold(job, unique_.hash(job.owner, submit.function, asked.event.payload.view()));
  t.plan.changes.emplace_back(change::InsertJob{submit.id, asked.uid(), std::move(submit.function),
                                                std::move(submit.options), std::move(asked.event.payload),
                                                job.submitted, true, true, job.submitter_tag, job.number,
                                                lane.quotas()});
  tell_accepted(asked.session, job.number, job.id, Durability::durable, t);
  return job;
}

/// The job has a name or a timeout, which the next start must not find too late.
void Scheduler::make_known(Job& job, Turn& t) {
  if (std::exchange(job.from_backlog, false)) t.plan.changes.emplace_back(change::KnowJob{job.id});
}

/// Whether the request is about a job that is on disk alone: it waits until that has been read.
bool Scheduler::wait_for_backlog(Asked& asked, Turn& t) {
  if (backlog_ids_.empty()) return false;
  const JobId id = subject(asked.event.request);
  if (id.empty() || !backlog_ids_.contains(id) || jobs_.find(id) != nullptr) return false;
  if (!count_held(asked, t)) return true;
  auto& waiting = waiting_for_backlog_[id];
  if (waiting.empty()) t.plan.effects.emplace_back(effect::LoadJob{id});
  waiting.push_back(std::move(asked.event));
  return true;
}

void Scheduler::fill_from_backlog(Turn& t) {
  for (const auto& [lane, priority, after, most] : lanes_.take_hungry()) {
    t.plan.effects.emplace_back(
        effect::LoadBacklog{lane->queue->name, lane->function->name, lane->quotas(), priority, after, most});
  }
}

/// A job of the backlog, in memory from now on.
Job& Scheduler::bring_in(RecoveredJob& recovered, Now now) {
  accounts_.job_gone(recovered.owner, State::pending);  // it is counted anew
  Job& job = revive(recovered, now);
  job.from_backlog = true;
  job.submitter_tag = recovered.client;
  job.number = recovered.number;
  if (Session* session = sessions_.find_tag(recovered.client, recovered.owner); session != nullptr)
    job.submitter = session->id;
  return job;
}

void Scheduler::on(event::BacklogLoaded&& e, Turn& t) {
  const auto called = functions_.find(e.function);
  Lane* lane = called == functions_.end() ? nullptr : lanes_.find(e.queue, *called->second, e.quotas);
  if (lane == nullptr) return;  // all of it has ended meanwhile
  for (RecoveredJob& recovered : e.jobs) {
    Job* job = jobs_.find(recovered.id);
    // What is known here and not of the backlog any more has been decided while it was being read.
    if (job == nullptr ? !backlog_ids_.erase(recovered.id) : !job->on_disk) continue;
    if (job == nullptr) {
      job = &bring_in(recovered, t.now);
    } else {
      job->arguments = std::move(recovered.arguments);
      accounts_.add(job->owner, Quantity::bytes, job->arguments.size());
    }
    lanes_.fetched(*job);
    resume(*job, recovered, t);
    // By the time that it is read for those who wait for it, it may have run and be gone.
    found_in_backlog(job->id, t);
  }
  lanes_.advance(*lane, e.priority, e.jobs.empty() ? WallTime{} : e.jobs.back().submitted);
  for (Pool* pool : lane->function->offered_by) pool->dirty = true;
}

/// The job stays where it is, but is known here now; unless it was under way when the daemon was cut off.
void Scheduler::wait_on_disk(Job& job, RecoveredJob& recovered, Turn& t) {
  lanes_.pin(job);
  if (is_of_kin(job)) {  // it had its turn, and is to come to what another comes to
    lanes_.remove(job);
    wait_again(job, recovered);
    return;
  }
  if (recovered.started || !recovered.reason.empty()) {
    lanes_.remove(job);
    resume(job, recovered, t);
    return;
  }
  if (std::as_const(recovered.options).unique()) hold_unique(job);
  accounts_.subtract(job.owner, Quantity::bytes, job.arguments.size());
  job.arguments = {};
  count_wait(job, t.now);
  expire_in_time(job);
}

void Scheduler::on(event::JobLoaded&& e, Turn& t) {
  auto waiting = waiting_for_backlog_.extract(e.id);
  // It may have come with others of its lane meanwhile.
  if (e.job && backlog_ids_.erase(e.id)) {
    wait_on_disk(bring_in(*e.job, t.now), *e.job, t);
  }
  found_in_backlog(e.id, t);
  if (waiting.empty()) return;
  release_held(waiting.mapped());
  for (auto& request : waiting.mapped()) on(std::move(request), t);
}

}  // namespace promised
