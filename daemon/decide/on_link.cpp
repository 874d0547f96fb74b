// SPDX-License-Identifier: Apache-2.0
// Jobs that follow others (SEMANTICS C1 to C3, C7). One that follows waits, without a worker and without the
// timers of a queue, until the other has ended; then it has its turn, with the outcome before its arguments,
// or is passed over. Ends are passed on one after the other at the end of each event, in the batch that has
// the end itself: so no chain is too long, and a restart finds all of it or nothing.
#include <utility>

#include <promised/outcome.hpp>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

message::Refused joins_nothing() {
  return {.code = "bad_request", .message = "a job that follows another joins no equal one (unique)"};
}

Outcome outcome_of(const Job& job) {
  Outcome outcome;
  outcome.id = job.id;
  outcome.function = job.function->name;
  outcome.state = job.state;
  if (job.state == State::failed) outcome.failure = job.story().failure;
  outcome.reason = job.story().reason;
  return outcome;
}

/// Of a job whose result cannot be read any more.
Failure lost(const std::string& why) {
  Failure failure;
  failure.cause = Cause::exception;
  failure.type = "promised::ResultLost";
  failure.message = why.empty() ? "its result is not kept any more" : why;
  return failure;
}

/// The result is in the store alone.
bool is_away(const Job& job, const Payload& result) {
  return job.state == State::succeeded && job.result_size > 0 && result.empty() && !job.kin()->lost;
}

Outcome with_loss(Outcome outcome, const Kin& kin) {
  if (!kin.lost) return outcome;
  outcome.state = State::failed;
  outcome.failure = lost(*kin.lost);
  return outcome;
}

}  // namespace

Kin& Scheduler::kin_of(Job& job) {
  if (!job.more().kin) job.detail->kin = std::make_unique<Kin>();
  return *job.detail->kin;
}

std::string Scheduler::encode_outcome(const Job& job, const Payload& result) const {
  return around_.outcomes.encode(with_loss(outcome_of(job), *job.kin()), result.view());
}

void Scheduler::on(Asked& asked, message::AddCallback& add, Turn& t) {
  if (is_known(asked, add.id, t)) return;
  Job* parent = find(asked, add.key, Touch::steer, t);
  if (parent == nullptr) return;
  message::Submit submit{add.id, add.function, add.options};
  submit.options.durability(parent->durability);  // it is as durable as what it follows
  auto refused = check_submit(asked, submit);
  if (!refused) refused = check_queue(submit.options);
  if (!refused && std::as_const(submit.options).unique()) refused = joins_nothing();
  if (refused) {
    refuse(asked.event.session, asked.number(), std::move(*refused), t);
    return;
  }
  const std::uint32_t most = settings_.limits.max_callbacks;
  if (parent->kin() != nullptr && parent->kin()->callbacks.size() >= most) {
    refuse(asked.event.session, asked.number(),
           {.code = "limit",
            .message = "max_callbacks (" + std::to_string(most) + ") is reached: so many follow job " +
                       parent->id.text() + " already; raise it in section [limits]"},
           t);
    return;
  }
  if (!is_offered(asked, submit.function, submit.options.queue(), t)) return;
  const std::optional<std::string> name = name_for(asked, submit.options, nullptr, t);
  if (name) accept_callback(asked, submit, *name, add.follows, *parent, t);
}

void Scheduler::accept_callback(Asked& asked, message::Submit& submit, const std::string& name,
                                Follows follows, Job& parent, Turn& t) {
  if (!parent.ended()) {
    write(parent, t);
    make_known(parent, t);
  }
  ++accepted_;
  Job& job = make_job(asked, submit, t);
  job.arguments = std::move(asked.event.payload);
  accounts_.add(job.owner, Quantity::bytes, job.arguments.size());
  if (submit.options.abandon() == Abandon::cancel)
    tie(job, asked.session.tag(), submit.options.abandon_grace().value_or(Millis(0)));
  Link& link = kin_of(job).link;
  link.parent = parent.id;
  link.follows = follows;
  kin_of(parent).callbacks.push_back(job.id);
  set_state(job, State::waiting);
  if (!name.empty()) give_name(job, name, submit.options.lifespan(), t);
  write(job, t);
  if (!job.durable()) tell_accepted(asked.session, asked.number(), job.id, job.durability, t);
  happened(EventKind::accepted, job, t);
  if (parent.ended()) follow(job, parent, parent.result, t);
}

/// Whether the job waits for others, and no worker has it.
bool Scheduler::waits_for_kin(const Job& job) {
  return job.state == State::waiting && job.worker == nullptr;
}

/// What the job waits for, and has not ended.
std::vector<JobId> Scheduler::awaited_by(const Job& job) const {
  if (job.worker != nullptr) return job.worker->waits;
  const Kin* kin = job.kin();
  if (kin == nullptr) return {};
  if (!kin->link.becomes.empty()) return {kin->link.becomes};
  if (kin->link.phase == Link::Phase::waiting) return {kin->link.parent};
  std::vector<JobId> ids;
  const auto add = [&](const JobId& id) {
    if (const Job* member = jobs_.find(id); member != nullptr && !member->ended()) ids.push_back(id);
  };
  for (const JobId& id : kin->members) add(id);
  if (!kin->then.empty()) add(kin->then);
  return ids;
}

void Scheduler::has_ended(const Job& job) {
  if (job.kin() != nullptr) ended_kin_.push_back({job.id, job.result});
}

void Scheduler::pass_ends_on(Turn& t) {
  while (!ended_kin_.empty()) {
    const EndedKin ended = std::move(ended_kin_.front());
    ended_kin_.pop_front();
    if (Job* job = jobs_.find(ended.id); job != nullptr) pass_on(*job, ended.result, t);
  }
}

void Scheduler::pass_on(Job& job, const Payload& result, Turn& t) {
  Kin& kin = *job.kin();
  for (const JobId& id : std::exchange(kin.heirs, {})) {
    // One that has failed meanwhile, by its deadline, may run again: then it waits for nobody.
    Job* heir = jobs_.find(id);
    if (heir != nullptr && heir->kin()->link.becomes == job.id) inherit(*heir, job, result, t);
  }
  for (const JobId& id : std::vector(kin.callbacks)) {
    if (Job* callback = jobs_.find(id); callback != nullptr) follow(*callback, job, result, t);
  }
  if (kin.course) leave_members(job, t);
  Job* parent = kin.link.parent.empty() ? nullptr : jobs_.find(kin.link.parent);
  if (parent == nullptr || parent->ended()) return;
  if (kin.link.follows == Follows::member) member_ended(*parent, job, t);
  // Cancelled before its turn it has no say, until its turn comes.
  if (kin.link.follows == Follows::then && kin.link.phase == Link::Phase::ready)
    inherit(*parent, job, result, t);
}

/// The job has its turn, or is passed over, now that its parent has ended.
void Scheduler::follow(Job& job, Job& parent, const Payload& result, Turn& t) {
  const Kin& kin = *job.kin();
  if (job.ended() || kin.link.phase != Link::Phase::waiting) return;
  const bool passed_over = parent.kin()->link.phase == Link::Phase::passed_over;
  if (passed_over || !is_taken(kin.link.follows, parent.state)) {
    pass_over(
        job,
        described(parent) + " " +
            (passed_over ? "was passed over too" : "has ended as " + std::string(to_string(parent.state))),
        t);
  } else if (parent.result_size + job.arguments.size() > kLargestPayload) {
    fail_too_large(job, parent.result_size, t);
  } else if (!has_room_to_follow(job, parent)) {
    wait_for_room(job, parent);
  } else if (is_away(parent, result)) {
    want_result(parent, job, t);
  } else {
    take_room(job, parent, t);
    set_going(job, around_.outcomes.with_first(encode_outcome(parent, result), job.arguments.view()), t);
  }
}

/// Its arguments, with the `given` bytes before them, would be more than the store has room for in a row.
void Scheduler::fail_too_large(Job& job, std::uint64_t given, Turn& t) {
  Link& link = job.kin()->link;
  link.phase = Link::Phase::ready;
  if (job.written) t.plan.changes.emplace_back(change::LinkJob{job.id, link});
  Failure failure;
  failure.cause = Cause::bad_arguments;
  failure.message = "what it follows has come to " + std::to_string(given) +
                    " bytes, and its own arguments have " + std::to_string(job.arguments.size()) +
                    "; together a job takes at most " + std::to_string(kLargestPayload);
  end_job(job, State::failed, std::move(failure), {}, {}, t);
}

/// SEMANTICS C2: nothing is passed on to where it does not go; its own callbacks are passed over too.
void Scheduler::pass_over(Job& job, const std::string& why, Turn& t) {
  Link& link = job.kin()->link;
  link.phase = Link::Phase::passed_over;
  if (job.written) t.plan.changes.emplace_back(change::LinkJob{job.id, link});
  end_job(job, State::cancelled, {},
          "passed over: it follows with " + std::string(to_string(link.follows)) + ", and " + why, {}, t);
}

/// From now on it is as if it had been submitted now.
void Scheduler::submit_anew(Job& job, Turn& t) {
  const WallTime before = std::exchange(job.submitted, next_submitted(t.now));
  job.queued = t.now.steady;
  if (Timing* timing = job.timing(); timing != nullptr && !timing->follows_wall_clock)
    timing->begin_after += job.submitted - before;
  if (job.limits().deadline > Millis(0)) job.own_limits().deadline_at = t.now.steady + job.limits().deadline;
}

/// It waits for nothing any more but its moment, if it has one, and its turn in its queue.
void Scheduler::set_going(Job& job, Payload arguments, Turn& t) {
  Link& link = job.kin()->link;
  link.phase = Link::Phase::ready;
  submit_anew(job, t);
  if (link.composite != Composite::none) {
    if (job.written) t.plan.changes.emplace_back(change::ReadyJob{job.id, {}, job.submitted});
    begin_course(job, t);
    return;
  }
  accounts_.subtract(job.owner, Quantity::bytes, kept_bytes(job));
  job.arguments = std::move(arguments);
  job.arguments_size = static_cast<std::uint32_t>(job.arguments.size());
  accounts_.add(job.owner, Quantity::bytes, kept_bytes(job));
  if (job.written) {
    handed_over_ += job.arguments.size();
    job.batch = next_batch();
    t.plan.changes.emplace_back(change::ReadyJob{job.id, job.arguments, job.submitted, place_apart(job)});
  }
  set_state(job, State::pending);
  admit(job, t);
}

/// What the other has come to is what this job comes to.
void Scheduler::inherit(Job& heir, Job& from, const Payload& result, Turn& t) {
  if (heir.ended()) return;
  if (heir.cancel_asked) {
    end_job(heir, State::cancelled, {}, heir.story().reason, {}, t);
  } else if (is_away(from, result)) {
    want_result(from, heir, t);
  } else {
    Outcome outcome = with_loss(outcome_of(from), *from.kin());
    end_job(heir, outcome.state, std::move(outcome.failure), std::move(outcome.reason), result, t);
  }
}

void Scheduler::want_result(Job& of, const Job& by, Turn& t) {
  Kin& kin = kin_of(of);
  auto& effects = is_on_disk(of) ? t.plan.effects : t.plan.after_commit;  // from a full disk it comes late
  if (kin.wanted_by.empty()) effects.emplace_back(effect::LoadResult{of.id});
  kin.wanted_by.push_back(by.id);
  clear_timer(of);  // it is kept until then
}

/// For those who have waited for it to come from the store.
void Scheduler::result_came(Job& job, const event::ResultLoaded& e, Turn& t) {
  Kin* kin = job.kin();
  if (kin == nullptr || kin->wanted_by.empty()) return;
  if (!e.found) kin->lost = e.trouble;
  for (const JobId& id : std::exchange(kin->wanted_by, {})) {
    Job* by = jobs_.find(id);
    if (by == nullptr || by->ended()) continue;
    const Link& link = by->kin()->link;
    if (link.becomes == job.id || by->kin()->then == job.id) {
      inherit(*by, job, e.result, t);
    } else if (by->kin()->course) {
      gather(*by, job, e.result, t);
    } else {
      follow(*by, job, e.result, t);
    }
  }
  keep_or_release(job, t);
}

/// Others need what it has come to.
bool Scheduler::kept_for_kin(const Job& job) const {
  const Kin* kin = job.kin();
  if (kin == nullptr) return false;
  if (!kin->wanted_by.empty() || kin->behind > 0) return true;
  if (kin->link.follows != Follows::member && kin->link.follows != Follows::then) return false;
  const Job* parent = jobs_.find(kin->link.parent);
  return parent != nullptr && !parent->ended();
}

/// SEMANTICS C3: what hangs on the job, as far as the asker may see it.
void Scheduler::add_related(const Asked& asked, const Job& job, JobView& view) const {
  const Kin* kin = job.kin();
  if (kin == nullptr) return;
  const auto add = [&](const JobId& id, Follows how) {
    const Job* other = jobs_.find(id);
    if (other != nullptr && !may(asked, *other, Touch::look)) return;
    RelatedView related{id, State::unknown, {}, how};
    if (other != nullptr) {
      related.state = other->state;
      related.function = other->function->name;
      related.follows = other->kin()->link.follows;
    }
    view.related.push_back(std::move(related));
  };
  for (const JobId& id : kin->members) add(id, Follows::member);
  if (!kin->then.empty()) add(kin->then, Follows::then);
  for (const JobId& id : kin->callbacks) add(id, Follows::nothing);
}

}  // namespace promised
