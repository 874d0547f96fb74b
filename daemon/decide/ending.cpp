// SPDX-License-Identifier: Apache-2.0
// How jobs end, and how long what is left of them is kept.
#include <string>
#include <string_view>
#include <utility>

#include "common/printable.hpp"
#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

void shorten(std::string& text, std::string_view part) {
  if (part.size() < text.size()) text = std::string(part);
}

/// What a worker says of its failure is kept, but not at any length.
void shorten(Failure& failure) {
  shorten(failure.message, beginning_of(failure.message, kMostFailureText));
  shorten(failure.output, end_of(failure.output, kMostFailureText));
  shorten(failure.type, beginning_of(failure.type, kMostShortText));
  shorten(failure.limit, beginning_of(failure.limit, kMostShortText));
  shorten(failure.backtrace, beginning_of(failure.backtrace, kMostFailureText));
}

}  // namespace

/// What counts against max_bytes.
std::uint64_t Scheduler::kept_bytes(const Job& job) {
  const std::uint64_t bytes = job.arguments.size() + job.result.size();
  if (!job.detail) return bytes;
  const std::uint64_t streamed = job.detail->stream ? job.detail->stream->bytes() : 0;
  const Failure& failure = job.story().failure;
  return bytes + failure.message.size() + failure.output.size() + failure.backtrace.size() + streamed;
}

/// Why the last attempt is tried again.
void Scheduler::keep_failure(Job& job, Failure failure) {
  shorten(failure);
  accounts_.subtract(job.owner, Quantity::bytes, kept_bytes(job));
  job.tell().failure = std::move(failure);
  accounts_.add(job.owner, Quantity::bytes, kept_bytes(job));
}

/// The one place where an outcome is written: once (DESIGN 2.2).
void Scheduler::end_job(Job& job, State state, Failure failure, std::string reason, Payload result, Turn& t) {
  lanes_.remove(job);
  if (Schedule::contains(job)) Lanes::leave_aside(job);
  schedule_.remove(job);
  clear_timer(job);
  untie(job);
  unique_.release(job);
  if (job.began != Instant{} && job.state == State::running)
    ran_.record(t.now.steady - job.began, t.now.steady);
  // A key is kept with the jobs that need it, and not with results. What has failed may be run again.
  if (job.lane->caps != nullptr && state != State::failed) {
    Lane& unbound = lane(job.lane->queue->name, *job.function, {});
    lanes_.leave(job);
    lanes_.enter(job, unbound);
  }
  set_state(job, state);
  ++finished_;
  job.ended_at = t.now.wall;
  take_outcome(job, state, std::move(failure), std::move(reason), std::move(result));
  let_go_of_arguments(job);
  if (job.written) {
    write_end(job, t);
  } else if (sessions_.find(job.submitter) == nullptr) {
    write(job, t);
  }
  follow_outcome(job, t);
  happened(outcome_event(state), job, t);
  has_ended(job);
  deliver(job, t);
  if (job.audience() != nullptr) {
    wake_waiting(job, t);
    tell_watchers(job, t);
  }
  leave_to_store(job);
  if (progress_of(job)) have_new_progress(job);
  have_news(job);
  drop_stored(job);
  keep_or_release(job, t);
}

void Scheduler::take_outcome(Job& job, State state, Failure failure, std::string reason, Payload result) {
  accounts_.subtract(job.owner, Quantity::bytes, kept_bytes(job));
  // Neither a withdrawal that came too late nor an earlier attempt is told of the outcome.
  if (job.detail && job.detail->story) {
    job.tell().reason.clear();
    job.tell().failure = {};
  }
  if (!reason.empty()) job.tell().reason = std::move(reason);
  if (state == State::failed) {
    shorten(failure);
    job.tell().failure = std::move(failure);
  }
  job.result_size = result.size();
  job.result = std::move(result);
  accounts_.add(job.owner, Quantity::bytes, kept_bytes(job));
}

void Scheduler::tell_watchers(Job& job, Turn& t) {
  for (const Watcher& watcher : std::exchange(job.audience()->watchers, {})) {
    Session* session = sessions_.find(watcher.session);
    if (session == nullptr) continue;
    --session->watches;
    accounts_.subtract(session->who.uid, Quantity::watches);
    send_outcome(*session, watcher, job, t);
  }
}

/// A large result that is kept is kept there alone.
void Scheduler::leave_to_store(Job& job) {
  const bool unfetched = sessions_.find(job.submitter) == nullptr;
  const bool stays = job.name != nullptr || (job.written && (unfetched || kept_for_kin(job)));
  if (job.state != State::succeeded || !stays || !job.durable() || job.result.size() <= kKeepInMemory) return;
  accounts_.subtract(job.owner, Quantity::bytes, job.result.size());
  job.result = {};
  job.result_in_store = true;
}

/// An ended job stays as long as others need what it has come to; for its lifespan if it has a name, until it
/// has arrived if its submitter is there, and for keep_unfetched otherwise.
void Scheduler::keep_or_release(Job& job, Turn& t) {
  if (!job.ended()) return;
  clear_timer(job);
  if (kept_for_kin(job)) return;
  const bool named = job.name != nullptr && job.more().lifespan > Millis(0);
  if (job.delivered && !named) return;
  if (named && job.more().lifespan == kForever) return;
  if (named) {
    set_wall_timer(job, job.ended_at + job.more().lifespan);
  } else {
    set_wall_timer(job, t.now.wall + settings_.limits.keep_unfetched);
  }
}

/// The time of the job is over: where that matters, its id is remembered (graves.hpp).
void Scheduler::bury(const Job& job, Turn& t) {
  const bool guard = job.at_most_once && job.durable();
  if ((!guard && !job.was_named) || settings_.limits.keep_tombstones == Millis(0)) return;
  const Graves::Grave grave{job.owner, guard, t.now.wall + settings_.limits.keep_tombstones};
  if (!graves_.add(job.id, grave) || !job.written) return;
  t.plan.changes.emplace_back(change::BuryId{job.id, job.owner, guard, grave.until});
}

/// What it follows does not show it any more, and has room for another.
void Scheduler::forget_callback(const Job& job) {
  const Kin* kin = job.kin();
  if (kin == nullptr || kin->link.follows == Follows::member || kin->link.follows == Follows::then) return;
  Job* parent = kin->link.parent.empty() ? nullptr : jobs_.find(kin->link.parent);
  if (parent != nullptr && parent->kin() != nullptr) std::erase(parent->kin()->callbacks, job.id);
}

/// Nothing is left of the job but, if it had a name, a tombstone.
void Scheduler::release(Job& job, State tombstone, Turn& t) {
  take_name(job, tombstone, t);
  clear_timer(job);
  forget_callback(job);
  const std::vector<Follower> followers = take_followers(job);
  const bool has_parts = job.stream() != nullptr && job.stream()->part_count > 0;
  if (job.written) t.plan.changes.emplace_back(change::DeleteJob{job.id, has_parts, job.kin() != nullptr});
  accounts_.subtract(job.owner, Quantity::bytes, kept_bytes(job));
  accounts_.job_gone(job.owner, job.state);
  lanes_.leave(job);
  const std::vector<Watcher> loading = take_loading(job);
  const JobId id = job.id;
  const std::uint64_t bytes = job.result_size;
  jobs_.erase(job);
  // Only now: what is sent next must not find it any more.
  refuse_loading(loading, lapsed(id), bytes, t);
  for (const Follower& follower : followers) refuse(follower.session, follower.number, lapsed(id), t);
}

}  // namespace promised
