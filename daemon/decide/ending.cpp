// SPDX-License-Identifier: Apache-2.0
// How jobs end, who is told, and how long what is left of them is kept.
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// A remembered durable result above this is not kept in memory: who asks for it gets it from the store.
constexpr std::size_t kKeepInMemory = 1024;

}  // namespace

/// The one place where an outcome is written: once (DESIGN 2.2).
void Scheduler::end_job(Job& job, State state, Failure failure, std::string reason, Payload result, Turn& t) {
  lanes_.remove(job);
  clear_timer(job);
  if (job.began != Instant{} && job.state == State::running)
    ran_.record(t.now.steady - job.began, t.now.steady);
  set_state(job, state);
  ++finished_;
  job.ended_at = t.now.wall;
  bytes_ -= job.arguments.size();
  job.arguments = {};
  job.result_size = result.size();
  bytes_ += result.size();
  if (state == State::failed) job.more().failure = failure;
  if (!reason.empty()) job.more().reason = reason;
  if (job.durable()) {
    t.plan.changes.emplace_back(change::EndJob{job.id, state, std::move(failure), std::move(reason), result,
                                               job.started, job.ended_at, job.attempts});
  }
  job.result = std::move(result);
  deliver(job, t);
  bool take = false;
  if (job.detail) {
    for (const Watcher& watcher : std::exchange(job.detail->watchers, {})) {
      --watches_;
      Session* session = sessions_.find(watcher.session);
      if (session == nullptr) continue;
      send_outcome(*session, watcher.number, job, 0, t);
      take = take || watcher.take;
    }
  }
  if (take) take_name(job, State::forgotten, t);
  if (state == State::succeeded && job.name != nullptr && job.durable() &&
      job.result.size() > kKeepInMemory) {
    bytes_ -= job.result.size();
    job.result = {};
    job.result_in_store = true;
  }
  keep_or_release(job, t);
}

/// To the submitter, if it is still there. What has no name is kept until it says that it has it.
void Scheduler::deliver(Job& job, Turn& t) {
  Session* session = sessions_.find(job.submitter);
  if (session == nullptr) return;
  if (job.name != nullptr && job.more().lifespan > Millis(0)) {
    send_outcome(*session, job.number, job, 0, t);
    return;
  }
  if (job.result_in_store && job.state == State::succeeded) {
    // After a restart: it comes when the store has read it, behind others maybe, so that a cumulative
    // acknowledgement would not speak of it. It is kept for keep_unfetched.
    send_outcome(*session, job.number, job, 0, t);
    keep_or_release(job, t);
    return;
  }
  job.delivered = true;
  if (session->unacknowledged.size() >= kDeliveryWindow) {
    session->held_back.push_back(job.id);
    return;
  }
  session->unacknowledged.emplace_back(++session->deliveries, job.id);
  send_outcome(*session, job.number, job, session->deliveries, t);
}

void Scheduler::send_outcome(Session& session, std::uint64_t number, const Job& job, std::uint64_t delivery,
                             Turn& t) {
  if (job.result_in_store && job.state == State::succeeded) {
    auto& loading = job.detail->loading;
    if (loading.empty()) t.plan.effects.emplace_back(effect::LoadResult{job.id});
    loading.push_back({session.id, number, false});
    return;
  }
  message::Ended ended{job.id, job.state, {}, {}};
  if (job.detail) {
    if (job.state == State::failed) ended.failure = job.detail->failure;
    ended.reason = job.detail->reason;
  }
  // That a remembered result is there is told when it is on disk.
  auto& effects = job.name != nullptr && job.durable() ? t.plan.after_commit : t.plan.effects;
  effects.emplace_back(effect::Send{session.id, {number, delivery, std::move(ended)}, job.result});
}

/// An ended job stays for its lifespan if it has a name, until it has arrived if its submitter is there, and
/// for keep_unfetched otherwise.
void Scheduler::keep_or_release(Job& job, Turn& t) {
  if (!job.ended()) return;
  clear_timer(job);
  if (job.delivered) return;
  if (job.name != nullptr && job.more().lifespan > Millis(0)) {
    set_wall_timer(job, job.ended_at + job.more().lifespan);
  } else {
    set_wall_timer(job, t.now.wall + settings_.limits.keep_unfetched);
  }
}

/// Nothing is left of the job but, if it had a name, a tombstone.
void Scheduler::release(Job& job, State tombstone, Turn& t) {
  take_name(job, tombstone, t);
  clear_timer(job);
  if (job.detail) {
    for (const Watcher& w : std::exchange(job.detail->loading, {})) {
      refuse(w.session, w.number,
             {.code = "no_such_future",
              .message = "job " + job.id.text() + " has lapsed",
              .state = State::lapsed},
             t);
    }
  }
  if (job.durable()) t.plan.changes.emplace_back(change::DeleteJob{job.id});
  bytes_ -= job.arguments.size() + job.result.size();
  --by_state_[static_cast<std::size_t>(job.state)];
  const auto own = jobs_of_owner_.find(job.owner);
  if (--own->second == 0) jobs_of_owner_.erase(own);
  jobs_.erase(job);
}

}  // namespace promised
