// SPDX-License-Identifier: Apache-2.0
// What jobs write to stdout and stderr (SEMANTICS P4). While a job runs it lies with its worker's pipe, which
// keeps the last of it, and is asked for only what somebody who follows it has room for; with the job's end
// the last of it comes here. Bytes are numbered from the beginning of the run, so that who follows sees what
// is missing.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Bytes that are told at once.
constexpr std::uint64_t kTogether = std::uint64_t{256} << 10;

}  // namespace

/// The attempt has ended; whether the job has, too, is seen next.
void Scheduler::keep_printed(Job& job, Printed&& printed) {
  if (printed.total == 0) return;
  Stream& stream = job.streams();
  if (stream.run == 0) stream.run = new_run(job);
  stream.output = std::move(printed.last);
  stream.output_size = stream.output.size();
  stream.output_total = printed.total;
  accounts_.add(job.owner, Quantity::bytes, stream.output_size);
}

/// The worker that runs the job now; null: none does.
Worker* Scheduler::runner_of(const Job& job) {
  const bool runs = job.worker != nullptr && !job.worker->channel.empty() &&
                    job.worker->channel.front().job == &job && !job.ended();
  return runs ? job.worker : nullptr;
}

/// Of a job that runs: what comes next for those of its followers who have room, the one who has least of it
/// first.
void Scheduler::ask_for_output(Job& job, Turn& t) {
  const Worker* worker = runner_of(job);
  if (worker == nullptr) return;
  Stream& stream = *job.stream();
  std::optional<std::uint64_t> from;
  bool due = false;
  for (const Follower& f : stream.followers) {
    if (!f.output || !has_room_for_output(*sessions_.find(f.session), f)) continue;
    from = std::min(from.value_or(f.output_next), f.output_next);
    due = due || f.output_due;
  }
  if (!from || (!due && stream.output_asked && *stream.output_asked <= *from)) return;
  stream.output_asked = from;
  t.plan.effects.emplace_back(effect::ReadOutput{worker->id, worker->channel.front().sequence, *from,
                                                 kTogether,
                                                 due ? effect::Answer::at_once : effect::Answer::with_more});
}

void Scheduler::on(event::AttemptOutput&& e, Turn& t) {
  const Worker* worker = find_worker(e.worker);
  if (worker == nullptr || worker->channel.empty() || worker->channel.front().sequence != e.sequence) return;
  Job& job = *worker->channel.front().job;
  Stream* stream = job.stream();
  if (stream == nullptr) return;
  const std::uint64_t asked = std::exchange(stream->output_asked, {}).value_or(e.first);
  if (stream->run == 0) stream->run = new_run(job);
  stream->output_total = e.total;
  for (Follower& follower : stream->followers) {
    if (!follower.output) continue;
    follower.output_due = false;
    // What is before `asked` is not lost: it will be asked for, for those who had no room.
    if (follower.output_next < asked || follower.output_next >= e.first + e.bytes.size()) continue;
    Session& session = *sessions_.find(follower.session);
    if (!has_room_for_output(session, follower)) continue;
    const std::uint64_t first = std::max(follower.output_next, e.first);
    send_output(*stream, follower, session, first, std::string_view(e.bytes).substr(first - e.first), t);
  }
  have_news(job);
}

/// Of a job that has ended: the rest, as far as the follower has room. What is not kept is passed over.
void Scheduler::tell_output(Job& job, Follower& follower, Session& session, Turn& t) {
  if (runner_of(job) != nullptr) return;  // see ask_for_output
  follower.output_due = false;
  if (!job.ended() || follower.output_loading) return;
  Stream& stream = *job.stream();
  const std::uint64_t kept_from = stream.output_total - stream.output_size;
  follower.output_next = std::max(follower.output_next, kept_from);
  while (follower.output_next < stream.output_total && has_room_for_output(session, follower)) {
    const std::uint64_t from = follower.output_next - kept_from;
    if (stream.output_in_store) {
      follower.output_loading = true;
      t.plan.effects.emplace_back(effect::LoadOutput{job.id, session.id, follower.number, from, kTogether});
      return;
    }
    send_output(stream, follower, session, follower.output_next, stream.output.view().substr(from, kTogether),
                t);
  }
}

void Scheduler::on(event::OutputLoaded&& e, Turn& t) {
  Job* job = jobs_.find(e.job);
  Session* session = sessions_.find(e.session);
  if (job == nullptr || session == nullptr || job->stream() == nullptr) return;
  Follower* follower = job->stream()->follower(e.session, e.follow);
  if (follower == nullptr) return;
  follower->output_loading = false;
  if (e.bytes.empty()) {
    remove_follower(*job, *follower);
    refuse(e.session, e.follow, lapsed(e.job), t);
    return;
  }
  send_output(*job->stream(), *follower, *session, follower->output_next, e.bytes, t);
  have_news(*job);
}

void Scheduler::send_output(const Stream& stream, Follower& follower, Session& session, std::uint64_t first,
                            std::string_view bytes, Turn& t) {
  message::News news;
  news.run = stream.run;
  news.first = follower.next;
  news.output_first = first;
  news.output = bytes;
  news.output_total = stream.output_total;
  follower.due = false;
  follower.output_next = first + bytes.size();
  const std::uint64_t cost = bytes.size() + message::kEntryCost;
  follower.output_under_way.emplace_back(follower.output_next, cost);
  follower.bytes_under_way += cost;
  session.parts_under_way += cost;
  t.plan.effects.emplace_back(effect::Send{session.id, {follower.number, 0, std::move(news)}, {}});
}

/// It has been told all that there is to tell it of the output.
bool Scheduler::has_output(const Job& job, const Follower& follower) {
  if (!follower.output) return true;
  return job.ended() && !follower.output_due && !follower.output_loading &&
         follower.output_next >= job.stream()->output_total;
}

/// Whether an unnamed job whose outcome has arrived is kept for those who follow its output, for as long as
/// they go on reading it, and keep_unfetched when they do not.
bool Scheduler::kept_for_output(const Job& job) {
  const Stream* stream = job.stream();
  if (stream == nullptr) return false;
  return std::any_of(stream->followers.begin(), stream->followers.end(),
                     [](const Follower& f) { return f.output && !has_all(f); });
}

}  // namespace promised
