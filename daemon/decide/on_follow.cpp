// SPDX-License-Identifier: Apache-2.0
// Who follows what a job reports, and the parts of its result that it streams (SEMANTICS P3). Parts, and what
// it prints (output.cpp), are of one run of the job: when that is cut off and the job runs again, they are
// dropped and begin anew, under another number, so that nobody gets the parts of two runs mixed.
#include <algorithm>
#include <cstring>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Nothing that was sent counts any more.
void forget_sent(Follower& follower, Session& session) {
  session.parts_under_way -= follower.bytes_under_way;
  follower.bytes_under_way = 0;
  follower.under_way.clear();
  follower.output_under_way.clear();
}

/// Those before `from` have been used.
void forget_used(Follower& follower, Follower::UnderWay& under_way, std::uint64_t from, Session& session) {
  while (!under_way.empty() && under_way.front().first <= from) {
    const std::uint64_t bytes = under_way.front().second;
    under_way.pop_front();
    follower.bytes_under_way -= bytes;
    session.parts_under_way -= bytes;
  }
}

}  // namespace

const PartChunk& Stream::chunk(std::uint64_t number) const {
  const auto after = std::upper_bound(parts.begin(), parts.end(), number,
                                      [](std::uint64_t n, const PartChunk& c) { return n < c.first; });
  return *std::prev(after);
}

Follower* Stream::follower(SessionId session, std::uint64_t number) {
  const auto found = std::find_if(followers.begin(), followers.end(), [&](const Follower& f) {
    return f.session == session && f.number == number;
  });
  return found == followers.end() ? nullptr : &*found;
}

void Scheduler::on(Asked& asked, message::Follow& follow, Turn& t) {
  Job* job = find(asked, follow.key, Touch::look, t);
  if (job == nullptr) return;
  if (asked.session.follows.contains(asked.number())) {
    refuse(asked.event.session, asked.number(),
           {.code = "bad_request", .message = "this request number follows a job already"}, t);
    return;
  }
  if (auto refused = accounts_.check(asked.uid(), Quantity::watches)) {
    refuse(asked.event.session, asked.number(), std::move(*refused), t);
    return;
  }
  Stream& stream = job->streams();
  Follower follower;
  follower.session = asked.session.id;
  follower.number = asked.number();
  follower.progress = follow.progress;
  follower.progress_due = follow.progress && progress_of(*job);
  follower.parts = follow.parts;
  follower.output = follower.output_due = follow.output;
  if (follow.run == stream.run) {
    follower.next = std::min(follow.parts_from, stream.part_count);
    follower.output_next = follow.output_from;
  }
  stream.followers.push_back(std::move(follower));
  asked.session.follows.emplace(asked.number(), job->id);
  ++asked.session.watches;
  accounts_.add(asked.uid(), Quantity::watches);
  have_news(*job);
}

void Scheduler::on(Asked& asked, message::Advance& advance, Turn& t) {
  Session& session = asked.session;
  subscriptions_.used({session.id, advance.follow}, advance.events_from);
  const auto known = session.follows.find(advance.follow);
  if (known == session.follows.end()) return;  // all is told, or the connection is another one by now
  Job& job = *jobs_.find(known->second);       // it takes its followers with it
  Stream& stream = *job.stream();
  Follower& follower = *stream.follower(session.id, advance.follow);
  forget_used(follower, follower.under_way, advance.parts_from, session);
  forget_used(follower, follower.output_under_way, advance.output_from, session);
  if (job.ended() && !job.delivered && job.name == nullptr) keep_or_release(job, t);  // somebody reads it
  if (advance.stop && !has_all(follower)) remove_follower(job, follower);
  wake_followers(session);
  have_news(job);
}

/// It was told everything, and has used it.
bool Scheduler::has_all(const Follower& follower) {
  return follower.last_told && follower.under_way.empty() && follower.output_under_way.empty();
}

void Scheduler::remove_follower(Job& job, Follower& follower) {
  Stream& stream = *job.stream();
  if (Session* session = sessions_.find(follower.session); session != nullptr) {
    if (follower.parts && has_all(follower) && job.submitter_tag == session->tag()) stream.parts_read = true;
    forget_sent(follower, *session);
    session->follows.erase(follower.number);
    --session->watches;
    accounts_.subtract(session->who.uid, Quantity::watches);
  }
  stream.followers.erase(stream.followers.begin() + (&follower - stream.followers.data()));
}

/// The session is gone: what it followed is left.
void Scheduler::leave_followed(const Session& session) {
  for (const auto& [number, id] : session.follows) {
    Stream& stream = *jobs_.find(id)->stream();
    std::erase_if(stream.followers, [&](const Follower& f) { return f.session == session.id; });
    have_news(*jobs_.find(id));
  }
}

/// The job is gone: those who followed it are to be told.
std::vector<Follower> Scheduler::take_followers(Job& job) {
  std::vector<Follower> left;
  while (job.stream() != nullptr && !job.stream()->followers.empty()) {
    left.push_back(job.stream()->followers.back());
    remove_follower(job, job.stream()->followers.back());
  }
  return left;
}

/// Whether an unnamed job whose outcome has arrived is kept for what it has streamed: until its submitter has
/// read it, or keep_unfetched after somebody has read in it.
bool Scheduler::kept_for_parts(const Job& job) {
  const Stream* stream = job.stream();
  if (stream == nullptr || stream->part_count == 0) return false;
  const auto reads = [](const Follower& f) { return f.parts; };
  return !stream->parts_read || std::any_of(stream->followers.begin(), stream->followers.end(), reads);
}

void Scheduler::on(event::AttemptParts&& e, Turn& t) {
  Job* job = reporting(e.worker, e.sequence, t);
  if (job == nullptr) return;
  job->worker->heard = t.now.steady;
  Stream& stream = job->streams();
  if (stream.run == 0) stream.run = new_run(*job);
  Payload bytes = e.large.empty() ? Payload(e.small) : std::move(e.large);
  const std::uint64_t before = stream.bytes();
  stream.parts_size += bytes.size();
  stream.parts.push_back({stream.part_count, std::move(e.sizes), std::move(bytes)});
  stream.part_count += stream.parts.back().sizes.size();
  accounts_.add(job->owner, Quantity::bytes, stream.bytes() - before);
  have_news(*job);
}

/// A number that no other run of the job has, in this daemon or after a restart: attempts that were cut off
/// are not always on disk.
std::uint64_t Scheduler::new_run(const Job& job) const {
  std::uint64_t run = 0;
  std::memcpy(&run, around_.instance.bytes().data() + sizeof run, sizeof run);
  run += std::uint64_t{job.attempts} + job.interruptions;
  return run == 0 ? 1 : run;
}

/// What the attempt before has reported is of no more use; notes stay.
void Scheduler::begin_anew(Job& job) {
  if (!job.detail) return;
  if (job.detail->story) {
    job.detail->story->progress.reset();
    job.detail->story->progress_message.clear();
  }
  Stream* stream = job.stream();
  if (stream == nullptr) return;
  stream->worker_reads = stream->worker_listens = false;
  stream->worker_version = stream->notes_version;
  stream->worker_wrote = 0;
  forget_gone_notes(job);
  accounts_.subtract(job.owner, Quantity::bytes, stream->bytes() - stream->notes_size);
  stream->parts.clear();
  stream->part_count = stream->parts_size = stream->run = 0;
  stream->output = {};
  stream->output_size = stream->output_total = 0;
  stream->output_asked.reset();
  for (Follower& follower : stream->followers) {
    if (follower.next == 0 && follower.output_next == 0) continue;
    follower.next = follower.output_next = 0;
    follower.due = true;
    forget_sent(follower, *sessions_.find(follower.session));
  }
  have_news(job);
}

/// The parts and the output of an ended job that has a name are in the store, where who asks for them gets
/// them from.
void Scheduler::drop_stored(Job& job) {
  Stream* stream = job.stream();
  if (stream == nullptr || job.name == nullptr || !job.durable()) return;
  const std::uint64_t before = stream->bytes();
  if (stream->parts_size > kKeepInMemory) {
    stream->parts.clear();
    stream->parts_in_store = true;
  }
  if (stream->output.size() > kKeepInMemory) {
    stream->output = {};
    stream->output_in_store = true;
  }
  accounts_.subtract(job.owner, Quantity::bytes, before - stream->bytes());
}

void Scheduler::restore_told(Job& job, message::Told told) {
  if (told.empty()) return;
  if (told.progress) {
    job.tell().progress = told.progress;
    job.tell().progress_message = std::move(told.progress_message);
  }
  if (told.notes.empty() && told.parts == 0 && told.output_total == 0) return;
  Stream& stream = job.streams();
  for (NoteView& note : told.notes) {
    stream.notes_size += Stream::note_size(note.key, note.encoded);
    stream.notes[note.key] = {std::move(note.encoded), ++stream.notes_version, false};
  }
  stream.run = told.run;
  stream.part_count = told.parts;
  stream.parts_size = told.parts_size;
  stream.parts_in_store = told.parts > 0;
  stream.output_size = told.output_size;
  stream.output_total = std::max(told.output_total, told.output_size);
  stream.output_in_store = told.output_size > 0;
}

}  // namespace promised
