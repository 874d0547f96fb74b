// SPDX-License-Identifier: Apache-2.0
// How outcomes reach clients. Each carries a number that counts up in the session, and the client says up to
// where all have arrived. What is under way to one client is bounded, in number and in bytes: the rest waits
// here, as a job and not as bytes, until the client has read.
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// What an outcome takes on its way, about.
std::uint64_t weight(const Job& job) {
  const std::uint64_t notes = job.stream() != nullptr ? job.stream()->notes_size : 0;
  if (job.state == State::succeeded) return job.result_size + notes;
  const Failure& failure = job.story().failure;
  return failure.message.size() + failure.output.size() + failure.backtrace.size() + notes;
}

}  // namespace

/// To the submitter, if it is still there. What has no name is kept until it says that it has it.
void Scheduler::deliver(Job& job, Turn& t) {
  Session* session = sessions_.find(job.submitter);
  if (session == nullptr) return;
  job.delivered = job.name == nullptr || job.more().lifespan == Millis(0);
  send_outcome(*session, {session->id, job.number, false, job.delivered}, job, t);
}

bool Scheduler::has_room(const Session& session, std::uint64_t bytes) const {
  const std::size_t count = session.under_way.size() + session.loading;
  if (count == 0) return true;
  return count < kDeliveryWindow &&
         session.bytes_under_way + bytes <= settings_.limits.max_unread / kDeliveryPart;
}

void Scheduler::send_outcome(Session& session, const Watcher& to, Job& job, Turn& t) {
  if (!session.held_back.empty() || !has_room(session, weight(job))) {
    session.held_back.push_back({job.id, to});
    ++job.listeners().held_back;
  } else {
    start_sending(session, to, job, t);
  }
}

/// From memory at once, or from the store when it has been read.
void Scheduler::start_sending(Session& session, const Watcher& to, Job& job, Turn& t) {
  if (!job.result_in_store || job.state != State::succeeded) {
    put_out(session, to, job, job.result, t);
    return;
  }
  ++session.loading;
  session.bytes_under_way += job.result_size;
  auto& loading = job.listeners().loading;
  if (loading.empty()) t.plan.effects.emplace_back(effect::LoadResult{job.id});
  loading.push_back(to);
}

message::Refused Scheduler::lapsed(const JobId& id) {
  return {.code = "no_such_future", .message = "job " + id.text() + " has lapsed", .state = State::lapsed};
}

void Scheduler::refuse_taken(SessionId session, std::uint64_t number, const JobId& id, Turn& t) {
  refuse(session, number,
         {.code = "no_such_future",
          .message = "job " + id.text() +
                     " has no name to be taken from: it was taken or forgotten, or never had one",
          .state = State::forgotten},
         t);
}

/// SEMANTICS R7: nobody else who takes gets it. It is kept, unnamed, for this client until it has arrived
/// there, like an outcome for its submitter.
void Scheduler::take(const Session& session, std::uint64_t number, Job& job, Turn& t) {
  take_name(job, State::forgotten, t);
  job.submitter = session.id;
  job.number = number;
  job.submitter_tag = session.tag();
  job.delivered = true;
  if (job.written) t.plan.changes.emplace_back(change::TakeJob{job.id, job.submitter_tag});
  keep_or_release(job, t);
}

/// Asked a second time, as a client does that has waited long: its answer is on its way, or waits for the
/// disk.
bool Scheduler::has_taken(const Watcher& asker, const Job& job) {
  return asker.take && job.submitter == asker.session && job.number == asker.number;
}

void Scheduler::put_out(Session& session, const Watcher& to, Job& job, const Payload& result, Turn& t) {
  if (has_taken(to, job)) return;
  if (to.take && job.name == nullptr) {
    refuse_taken(session.id, to.number, job.id, t);
    return;
  }
  message::Ended ended{job.id, job.state, {}, {}};
  if (job.detail) {
    if (job.state == State::failed) ended.failure = job.story().failure;
    ended.reason = job.story().reason;
    ended.told = told(job);
  }
  // That a remembered result is there is told when it is on disk; that it has been fetched and forgotten,
  // too.
  const bool forgets = to.take && job.name != nullptr && job.durable();
  const bool waits = forgets || waits_for_disk(job);
  session.under_way.push_back(
      {++session.last_delivery, job.id, weight(job), to.own || to.take, waits ? next_batch() : 0});
  session.bytes_under_way += weight(job);
  auto& effects = waits ? t.plan.after_commit : t.plan.effects;
  effects.emplace_back(
      effect::Send{session.id, {to.number, session.last_delivery, std::move(ended)}, result});
  if (to.take) take(session, to.number, job, t);
}

void Scheduler::send_held_back(Session& session, Turn& t) {
  while (!session.held_back.empty()) {
    const HeldBack next = session.held_back.front();
    Job* job = jobs_.find(next.job);
    if (job != nullptr && !has_room(session, weight(*job))) return;
    session.held_back.pop_front();
    if (job != nullptr) --job->listeners().held_back;
    if (job == nullptr) {
      refuse(session.id, next.to.number, lapsed(next.job), t);
    } else if (!job->ended()) {
      add_watcher(*job, session, {session.id, next.to.number, next.to.take});  // it runs again meanwhile
    } else {
      start_sending(session, next.to, *job, t);
    }
  }
}

void Scheduler::acknowledge(Session& session, std::uint64_t received, Turn& t) {
  while (!session.under_way.empty() && session.under_way.front().number <= received) {
    const Delivery arrived = session.under_way.front();
    session.under_way.pop_front();
    session.bytes_under_way -= arrived.bytes;
    if (!arrived.own) continue;
    // Later ones, that need not wait for the disk, have overtaken it: it has not even been sent.
    if (arrived.batch > around_.store.committed) {
      not_arrived(arrived.job, t);
    } else if (Worker* parent = runner_behind(session); parent != nullptr) {
      keep_child(*parent, arrived.job, t);
    } else {
      has_arrived(arrived.job, t);
    }
  }
  send_held_back(session, t);
}

/// Others than its submitter may still wait for the outcome, for parts or for output.
bool Scheduler::is_wanted(const Job& job) const {
  const Audience* audience = job.audience();
  return (audience != nullptr && (audience->held_back > 0 || !audience->loading.empty())) ||
         kept_for_kin(job) || kept_for_parts(job) || kept_for_output(job);
}

void Scheduler::has_arrived(const JobId& id, Turn& t) {
  Job* job = jobs_.find(id);
  if (job == nullptr || !job->delivered) return;
  job->delivered = false;
  if (Stream* stream = job->stream(); stream != nullptr) stream->outcome_arrived = true;
  if (job->name == nullptr && !is_wanted(*job)) {
    release(*job, State::lapsed, t);
    return;
  }
  // It has been given a name meanwhile; or one that lasted until now.
  if (job->name != nullptr && job->more().lifespan == Millis(0)) {
    // Its outcome may still wait for the disk, for later ones do not: so it is not dropped at once.
    take_name(*job, State::lapsed, t);
  }
  keep_or_release(*job, t);
}

void Scheduler::not_arrived(const JobId& id, Turn& t) {
  Job* job = jobs_.find(id);
  if (job == nullptr || !job->delivered) return;
  job->delivered = false;
  write(*job, t);  // it is kept for its submitter
  keep_or_release(*job, t);
}

void Scheduler::on(event::ResultLoaded&& e, Turn& t) {
  Job* job = jobs_.find(e.job);
  if (job == nullptr || !job->detail) return;
  result_came(*job, e, t);
  if (job->audience() == nullptr) return;
  if (!e.found) {
    const message::Refused refused =
        e.trouble.empty() ? lapsed(e.job) : message::Refused{.code = "result_lost", .message = e.trouble};
    refuse_loading(take_loading(*job), refused, job->result_size, t);
    not_arrived(e.job, t);
    return;
  }
  for (const Watcher& to : take_loading(*job)) {
    Session* session = sessions_.find(to.session);
    if (session == nullptr) {
      if (to.own && job->submitter == to.session) not_arrived(e.job, t);
      continue;
    }
    --session->loading;
    session->bytes_under_way -= job->result_size;
    put_out(*session, to, *job, e.result, t);
    send_held_back(*session, t);  // it may have been refused, and then its room is free
  }
}

std::vector<Watcher> Scheduler::take_loading(Job& job) {
  return job.audience() != nullptr ? std::exchange(job.audience()->loading, {}) : std::vector<Watcher>();
}

/// Nothing comes from the store for those who wait for it.
void Scheduler::refuse_loading(const std::vector<Watcher>& loading, const message::Refused& refused,
                               std::uint64_t bytes, Turn& t) {
  for (const Watcher& to : loading) {
    Session* session = sessions_.find(to.session);
    if (session == nullptr) continue;
    --session->loading;
    session->bytes_under_way -= bytes;
    refuse(to.session, to.number, refused, t);
    send_held_back(*session, t);
  }
}

}  // namespace promised
