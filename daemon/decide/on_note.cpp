// SPDX-License-Identifier: Apache-2.0
// Notes: small values that a job and its clients share (SEMANTICS P2). The last writer wins, and it is here
// that there is a last one. A worker that reads notes is told of the changes that are not its own; only when
// it asks for the next, so that one that does not look costs nothing.
#include <algorithm>
#include <iterator>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Notes of a job that its worker has written may come to more than max_notes where a client wrote one in the
/// same moment, but never to more than this many times that.
constexpr std::uint64_t kMostOvershoot = 2;

}  // namespace

void Scheduler::on(Asked& asked, message::SetNote& set, Turn& t) {
  if (set.note.empty() || set.note.size() > message::kMostNoteKey) {
    refuse(asked.event.session, asked.number(),
           {.code = "bad_request",
            .message = "a note's key has 1 to " + std::to_string(message::kMostNoteKey) + " bytes, given " +
                       std::to_string(set.note.size())},
           t);
    return;
  }
  Job* job = find(asked, set.key, Touch::steer, t);
  if (job == nullptr) return;
  if (job->ended()) {
    reply(asked.event.session, asked.number(), message::Known{job->id, job->state, false}, job->durable(), t);
    return;
  }
  if (refuse_stalled(asked, *job, t)) return;
  const std::string_view encoded = asked.event.payload.view();
  const std::uint64_t most = settings_.limits.max_notes;
  if (const std::uint64_t size = notes_size_with(*job, set.note, encoded); !encoded.empty() && size > most) {
    refuse(asked.event.session, asked.number(),
           {.code = "limit",
            .message = "max_notes (" + std::to_string(most) +
                       " bytes) is reached: the notes of the job would have " + std::to_string(size) +
                       ", each counting for " + std::to_string(message::kEntryCost) +
                       " more than it has; write less, or raise it in section [limits]"},
           t);
    return;
  }
  if (auto refused = accounts_.check(job->owner, Quantity::bytes, encoded.size())) {
    refuse(asked.event.session, asked.number(), std::move(*refused), t);
    return;
  }
  write_note(*job, set.note, std::string(encoded), Writer::client);
  tell_worker_notes(*job, t);
  if (job->durable()) {
    write(*job, t);
    write_told(*job, t);
  }
  reply(asked.event.session, asked.number(), message::Known{job->id, job->state, true}, job->durable(), t);
}

std::uint64_t Scheduler::notes_size_with(const Job& job, std::string_view key, std::string_view encoded) {
  const Stream* stream = job.stream();
  const std::uint64_t added = Stream::note_size(key, encoded);
  if (stream == nullptr) return added;
  const auto before = stream->notes.find(key);
  const std::uint64_t removed =
      before == stream->notes.end() ? 0 : Stream::note_size(key, before->second.encoded);
  return stream->notes_size - removed + added;
}

void Scheduler::write_note(Job& job, const std::string& key, std::string encoded, Writer writer) {
  Stream& stream = job.streams();
  if (encoded.empty() && !stream.notes.contains(key)) return;  // it has never been there
  const std::uint64_t before = stream.notes_size;
  // Of a note that a client has removed the worker has to be told, if it knows of notes.
  const bool gone = encoded.empty() && (writer == Writer::worker || !stream.worker_reads);
  stream.notes_size = notes_size_with(job, key, encoded);
  Stream::Note& note = stream.notes[key];
  note = {std::move(encoded), ++stream.notes_version, writer == Writer::worker};
  if (gone) forget_note(stream, key);
  stream.notes_unwritten = true;
  accounts_.subtract(job.owner, Quantity::bytes, before);
  accounts_.add(job.owner, Quantity::bytes, stream.notes_size);
}

void Scheduler::forget_note(Stream& stream, const std::string& key) {
  const auto note = stream.notes.find(key);
  stream.notes_size -= Stream::note_size(key, note->second.encoded);
  stream.notes.erase(note);
}

/// Those that are gone, and known to be by the worker, or of which no worker needs to know.
void Scheduler::forget_gone_notes(Job& job) {
  Stream& stream = *job.stream();
  const std::uint64_t before = stream.notes_size;
  for (auto note = stream.notes.begin(); note != stream.notes.end();) {
    const auto next = std::next(note);
    if (note->second.encoded.empty() && note->second.version <= stream.worker_version)
      forget_note(stream, std::string(note->first));
    note = next;
  }
  accounts_.subtract(job.owner, Quantity::bytes, before);
  accounts_.add(job.owner, Quantity::bytes, stream.notes_size);
}

void Scheduler::on(event::AttemptNote&& e, Turn& t) {
  Job* job = reporting(e.worker, e.sequence, t);
  if (job == nullptr) return;
  const std::uint64_t most = settings_.limits.max_notes * kMostOvershoot;
  if (const std::uint64_t size = notes_size_with(*job, e.note.key, e.note.encoded); size > most) {
    kill_for_fault(*job->worker,
                   "it wrote a note with which those of its job have " + std::to_string(size) +
                       " bytes; max_notes (" + std::to_string(settings_.limits.max_notes) + ") allows less",
                   t);
    return;
  }
  job->worker->heard = t.now.steady;
  write_note(*job, e.note.key, std::move(e.note.encoded), Writer::worker);
  job->stream()->worker_wrote = e.write;
  have_news(*job);
}

void Scheduler::on(event::AttemptReadsNotes&& e, Turn& t) {
  Job* job = reporting(e.worker, e.sequence, t);
  if (job == nullptr) return;
  Stream& stream = job->streams();
  stream.worker_reads = stream.worker_listens = true;
  stream.worker_version = e.version;
  forget_gone_notes(*job);
  tell_worker_notes(*job, t);
}

/// If it waits for them, and there are any that it does not know. The first answer may be empty.
void Scheduler::tell_worker_notes(Job& job, Turn& t) {
  Stream* stream = job.stream();
  const bool is_there = job.worker != nullptr && (job.state == State::running || job.state == State::waiting);
  if (stream == nullptr || !stream->worker_listens || !is_there) return;
  const bool first = stream->worker_version == 0;
  message::Notes notes;
  for (const auto& [key, note] : stream->notes) {
    if (note.version > stream->worker_version && (first || !note.by_worker))
      notes.notes.push_back({key, note.encoded});
  }
  if (notes.notes.empty() && !first) return;
  // Not zero, which asks for all of them again.
  stream->notes_version = std::max<std::uint64_t>(stream->notes_version, 1);
  notes.sequence = job.worker->channel.front().sequence;
  notes.version = stream->notes_version;
  notes.written = stream->worker_wrote;
  stream->worker_listens = false;
  t.plan.effects.emplace_back(effect::SendNotes{job.worker->id, std::move(notes)});
}

/// What the store, a client or a view is told of what the job has told.
message::Told Scheduler::told(const Job& job) {
  message::Told told;
  if (!job.detail) return told;
  const JobStory& story = job.story();
  told.progress = job.state == State::succeeded && story.progress ? 100 : story.progress;
  told.progress_message = story.progress_message;
  if (const Stream* stream = job.stream(); stream != nullptr) {
    for (const auto& [key, note] : stream->notes) {
      if (!note.encoded.empty()) told.notes.push_back({key, note.encoded});
    }
    told.run = stream->run;
    told.parts = stream->part_count;
    told.parts_size = stream->parts_size;
    told.output_size = stream->output_size;
    told.output_total = stream->output_total;
  }
  return told;
}

/// Of a job that the store knows and that has not ended.
void Scheduler::write_told(Job& job, Turn& t) {
  job.stream()->notes_unwritten = false;
  message::Told now;
  now.notes = told(job).notes;
  t.plan.changes.emplace_back(change::TellJob{job.id, std::move(now), {}});
}

/// The job, if what its worker says is of the attempt that runs (SEMANTICS A5).
Job* Scheduler::reporting(WorkerId id, std::uint32_t sequence, Turn& t) {
  Worker* worker = find_worker(id);
  if (worker == nullptr) return nullptr;
  if (!worker->channel.empty() && worker->channel.front().sequence == sequence) {
    worker->channel.first_spoke();
    return worker->channel.front().job;
  }
  kill_for_stale(*worker, sequence, t);
  return nullptr;
}

}  // namespace promised
