// SPDX-License-Identifier: Apache-2.0
// News: what followers are told of a job, at the end of the turn in which it has come. Progress goes at most
// every so often, the latest; parts and output in order, as far as the follower has room: what it has not
// used is bounded, and the rest waits here.
#include <algorithm>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Between two reports of progress to followers, and of a worker's notes to the store.
constexpr std::chrono::milliseconds kPause{100};
/// Bytes of parts and output that may be on their way to one follower, or lie there unused; one chunk of each
/// in any case.
constexpr std::uint64_t kWindow = std::uint64_t{1} << 20;
/// What is read from the store at once.
constexpr std::uint64_t kLoaded = std::uint64_t{256} << 10;

}  // namespace

std::optional<double> Scheduler::progress_of(const Job& job) {
  if (job.state == State::succeeded) return 100;  // SEMANTICS P1
  return job.story().progress;
}

/// There may be something to tell of the job.
void Scheduler::have_news(Job& job) {
  Stream* stream = job.stream();
  if (stream == nullptr || std::exchange(stream->in_news, true)) return;
  news_.push_back(job.id);
}

void Scheduler::have_new_progress(Job& job) {
  Stream* stream = job.stream();
  if (stream == nullptr) return;
  for (Follower& follower : stream->followers) follower.progress_due = follower.progress;
  have_news(job);
}

/// A session has room again: what was held back for it may go.
void Scheduler::wake_followers(Session& session) {
  if (!std::exchange(session.parts_held_back, false)) return;
  for (const auto& [number, id] : session.follows) have_news(*jobs_.find(id));
}

void Scheduler::tell_news(Turn& t) {
  while (!delayed_news_.empty() && delayed_news_.front().first <= t.now.steady) {
    Job* job = jobs_.find(delayed_news_.front().second);
    delayed_news_.pop_front();
    if (job == nullptr || job->stream() == nullptr) continue;
    job->stream()->news_delayed = false;
    have_news(*job);
  }
  for (const JobId& id : std::exchange(news_, {})) {
    Job* job = jobs_.find(id);
    if (job == nullptr || job->stream() == nullptr) continue;
    job->stream()->in_news = false;
    tell_news(*job, t);
  }
}

void Scheduler::tell_news(Job& job, Turn& t) {
  Stream& stream = *job.stream();
  const bool may_tell = job.ended() || t.now.steady - stream.told >= kPause;
  bool told = false;
  bool delayed = false;
  if (stream.notes_unwritten && job.written && !job.ended()) {
    const bool may_write = may_tell && !is_stalled() && around_.store.full_since == WallTime();
    delayed = !may_write;
    if (may_write) write_told(job, t);
    told = may_write;
  }
  for (std::size_t i = 0; i < stream.followers.size();) {
    Follower& follower = stream.followers[i];
    const bool news_of_progress = follower.progress && follower.progress_due;
    delayed = delayed || (news_of_progress && !may_tell);
    told = told || (news_of_progress && may_tell);
    tell_follower(job, follower, may_tell, t);
    // One that has parts says when it has used them.
    if (has_all(follower)) {
      remove_follower(job, follower);
    } else {
      ++i;
    }
  }
  ask_for_output(job, t);
  if (told) stream.told = t.now.steady;
  if (delayed && !std::exchange(stream.news_delayed, true))
    delayed_news_.emplace_back(t.now.steady + kPause, job.id);
  if (stream.outcome_arrived && job.name == nullptr && !is_wanted(job)) release(job, State::lapsed, t);
}

void Scheduler::tell_follower(Job& job, Follower& follower, bool may_tell_progress, Turn& t) {
  Stream& stream = *job.stream();
  Session& session = *sessions_.find(follower.session);
  if (follower.last_told) return;
  while (follower.parts && follower.next < stream.part_count && !follower.loading &&
         has_room(session, follower, follower.under_way)) {
    if (stream.parts_in_store) {
      follower.loading = true;
      t.plan.effects.emplace_back(
          effect::LoadParts{job.id, session.id, follower.number, follower.next, kLoaded});
      break;
    }
    send_parts(stream, follower, session, stream.chunk(follower.next), t);
  }
  if (follower.output) tell_output(job, follower, session, t);
  message::News news;
  news.run = stream.run;
  news.first = follower.next;
  news.output_first = follower.output_next;
  news.output_total = stream.output_total;
  if (follower.progress && follower.progress_due && may_tell_progress) {
    follower.progress_due = false;
    news.progress = progress_of(job);
    news.progress_message = job.story().progress_message;
  }
  news.last =
      job.ended() && (!follower.parts || follower.next == stream.part_count) && has_output(job, follower);
  // The first is told with what has been printed by then.
  const bool waits = follower.output_due || follower.output_loading;
  if (!news.progress && !news.last && (waits || !std::exchange(follower.due, false))) return;
  follower.last_told = news.last;
  reply(session.id, follower.number, std::move(news), false, t);
}

/// For more of what `under_way` is of.
bool Scheduler::has_room(Session& session, const Follower& follower,
                         const Follower::UnderWay& under_way) const {
  if (under_way.empty()) return true;
  if (follower.bytes_under_way >= kWindow) return false;
  const bool room = session.parts_under_way < settings_.limits.max_unread / kDeliveryPart;
  session.parts_held_back = session.parts_held_back || !room;
  return room;
}

/// The same for output, which is copied for each: however many follow, one session has only so much of it.
bool Scheduler::has_room_for_output(Session& session, const Follower& follower) const {
  if (session.parts_under_way == 0) return true;
  if (follower.bytes_under_way >= kWindow) return false;
  const bool room = session.parts_under_way < settings_.limits.max_unread / kDeliveryPart;
  session.parts_held_back = session.parts_held_back || !room;
  return room;
}

void Scheduler::send_parts(const Stream& stream, Follower& follower, Session& session, const PartChunk& chunk,
                           Turn& t) {
  message::News news;
  news.run = stream.run;
  news.first = chunk.first;
  news.sizes = chunk.sizes;
  follower.due = false;
  follower.next = chunk.first + chunk.sizes.size();
  const std::uint64_t bytes = chunk.bytes.size() + chunk.sizes.size() * message::kEntryCost;
  follower.under_way.emplace_back(follower.next, bytes);
  follower.bytes_under_way += bytes;
  session.parts_under_way += bytes;
  t.plan.effects.emplace_back(effect::Send{session.id, {follower.number, 0, std::move(news)}, chunk.bytes});
}

void Scheduler::on(event::PartsLoaded&& e, Turn& t) {
  Job* job = jobs_.find(e.job);
  Session* session = sessions_.find(e.session);
  if (job == nullptr || session == nullptr || !session->follows.contains(e.follow)) return;
  Stream& stream = *job->stream();
  Follower* follower = stream.follower(e.session, e.follow);
  if (follower == nullptr) return;
  follower->loading = false;
  if (e.parts.empty()) {
    remove_follower(*job, *follower);
    refuse(e.session, e.follow, lapsed(e.job), t);
    return;
  }
  for (const PartChunk& chunk : e.parts) send_parts(stream, *follower, *session, chunk, t);
  have_news(*job);
}

}  // namespace promised
