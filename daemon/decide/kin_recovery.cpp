// SPDX-License-Identifier: Apache-2.0
// How jobs hang together, from what the store remembers of each of them. What had been passed on when the
// daemon was cut off is in the store with the end itself; what has still to be read from there is asked for
// again.
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

Failure gone(const std::string& what) {
  Failure failure;
  failure.cause = Cause::exception;
  failure.type = "promised::NoSuchFuture";
  failure.message = what + " is not there any more after a restart of the daemon";
  return failure;
}

}  // namespace

void Scheduler::adopt_link(Job& job) {
  const auto link = recovered_links_.extract(job.id);
  if (link.empty()) return;
  kin_of(job).link = link.mapped();
  recovered_kin_.push_back(job.id);
}

/// Whether the job waits for others, and not for a worker.
bool Scheduler::is_of_kin(const Job& job) {
  const Kin* kin = job.kin();
  if (kin == nullptr) return false;
  const Link& link = kin->link;
  return link.composite != Composite::none || link.phase == Link::Phase::waiting || !link.becomes.empty();
}

void Scheduler::wait_again(Job& job, RecoveredJob& recovered) {
  if (std::as_const(recovered.options).unique()) hold_unique(job);
  set_state(job, State::waiting);
  if (job.kin()->link.phase == Link::Phase::ready) watch_deadline(job);
  if (recovered.reason.empty()) return;
  job.cancel_asked = true;
  job.tell().reason = std::move(recovered.reason);
}

/// All jobs are there.
void Scheduler::restore_kin(Turn& t) {
  ended_kin_.clear();  // what has ended by its recovery is found so
  for (const JobId& id : recovered_kin_) restore_child(*jobs_.find(id));
  // All of them before any goes on: the end of one's member may be the end of another's.
  for (const JobId& id : recovered_kin_) {
    if (Kin& kin = *jobs_.find(id)->kin(); kin.link.composite != Composite::none) find_course(kin);
  }
  for (const JobId& id : recovered_kin_) {
    Job& job = *jobs_.find(id);
    if (job.ended()) keep_or_release(job, t);
    if (job.ended() || job.state != State::waiting) continue;
    if (!job.kin()->link.becomes.empty() || job.kin()->link.phase == Link::Phase::waiting) {
      restore_follower(job, t);
    } else {
      restore_course(job, t);
    }
    pass_ends_on(t);
  }
  recovered_links_.clear();
  recovered_kin_ = {};
}

/// Its parent knows it again.
void Scheduler::restore_child(Job& job) {
  const Link& link = job.kin()->link;
  Job* parent = link.parent.empty() ? nullptr : jobs_.find(link.parent);
  if (parent == nullptr) return;
  Kin& of = kin_of(*parent);
  if (link.follows == Follows::then) {
    of.then = job.id;
  } else if (link.follows != Follows::member) {
    of.callbacks.push_back(job.id);
  } else {
    if (of.members.size() <= link.place) of.members.resize(link.place + std::size_t{1});
    of.members[link.place] = job.id;
  }
}

/// How far its members are.
void Scheduler::find_course(Kin& kin) {
  start_course(kin);
  for (std::uint32_t place = 0; place < kin.members.size(); ++place) {
    const Job* member = jobs_.find(kin.members[place]);
    if (member == nullptr || member->ended()) {
      kin.course->found_ended(place, member == nullptr ? State::lapsed : member->state);
    } else if (member->kin()->link.phase == Link::Phase::ready) {
      kin.course->found_gone(place);
    }
  }
}

/// Goes on with what the members have come to.
void Scheduler::restore_course(Job& composite, Turn& t) {
  Kin& kin = *composite.kin();
  Job* then = kin.then.empty() ? nullptr : jobs_.find(kin.then);
  if (composite.cancel_asked) {
    cancel_members(composite, {}, Haste::none, t);
  } else if (then != nullptr && then->ended() && then->kin()->link.phase == Link::Phase::ready) {
    inherit(composite, *then, then->result, t);
  } else if (then == nullptr || then->kin()->link.phase == Link::Phase::waiting) {
    take_step(composite, kin.course->begin(), t);
    if (kin.course->failed() && !composite.ended()) stop_members(composite, t);
  }
}

void Scheduler::restore_follower(Job& job, Turn& t) {
  const Link& link = job.kin()->link;
  if (job.cancel_asked) {
    end_job(job, State::cancelled, {}, job.story().reason, {}, t);
    return;
  }
  Job* other = jobs_.find(link.becomes.empty() ? link.parent : link.becomes);
  if (other == nullptr && !link.becomes.empty() && backlog_ids_.contains(link.becomes)) {
    // Written before it had been read, by a daemon that did so. Whose process it was is not known any more.
    await_backlog(link.becomes, {job.id, false, 0}, t);
  } else if (other == nullptr) {
    const JobId& id = link.becomes.empty() ? link.parent : link.becomes;
    end_job(job, State::failed, gone("job " + id.text() + ", which it waited for,"), {}, {}, t);
  } else if (!link.becomes.empty()) {
    await_heritage(job, *other, t);
  } else if (other->ended() && link.follows != Follows::member && link.follows != Follows::then) {
    follow(job, *other, other->result, t);
  }
}

}  // namespace promised
