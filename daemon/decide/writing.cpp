// SPDX-License-Identifier: Apache-2.0
// When the store is told of a durable job. What nobody has been told to be accepted may wait a moment: a job
// that has ended and is on its way to its submitter by then need never be written (write elision, DESIGN 3).
#include <algorithm>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// The longest that the acceptance of an unnamed job waits for the job's end, and how soon that end has to be
/// in sight.
constexpr std::chrono::milliseconds kWriteBehind{50};
constexpr std::chrono::milliseconds kInSight{10};

Options options_of(const Job& job) {
  Options options;
  options.queue(job.lane->queue->name).priority(job.priority).at_most_once(job.at_most_once);
  if (const CapSet* caps = job.lane->caps; caps != nullptr) {
    for (const QuotaUse& use : caps->uses)
      use.most == 0 ? options.quota(use.name) : options.quota(use.name, use.most);
  }
  if (!job.detail) return options;
  const JobLimits& limits = job.limits();
  options.timeout(limits.timeout).run_timeout(limits.run_timeout).begin_by(limits.begin_by);
  options.progress_timeout(limits.progress_timeout).deadline(limits.deadline);
  options.retry_on(job.detail->retry_on);
  options.unique(job.detail->unique != nullptr);
  if (job.detail->tie != nullptr) options.abandon(Abandon::cancel, limits.abandon_grace);
  if (const Timing* timing = job.timing(); timing != nullptr) {
    if (timing->follows_wall_clock) {
      options.begin_after(timing->begin_after);
    } else {
      options.delay(std::chrono::duration_cast<Millis>(timing->begin_after - job.submitted));
    }
    if (timing->policy) {
      options.retries(timing->policy->retries);
      if (timing->policy->backoff) options.backoff(*timing->policy->backoff);
    }
  }
  return options;
}

}  // namespace

/// A new job: at once if the disk has had nothing to do lately, or if the job may take a while, or if a
/// worker has submitted it: the job there waits for its acceptance before it gives up its slot, which this
/// one may need. Else in a moment, if it is still there.
void Scheduler::write_soon(Job& job, const Session& submitter, Turn& t) {
  if (!job.durable()) return;
  if (t.now.steady - last_insert_ >= kWriteBehind || submitter.worker != WorkerId() ||
      !ends_soon(job, t.now)) {
    write(job, t);
  } else {
    unwritten_.emplace_back(t.now.steady + kWriteBehind, job.id);
  }
}

/// Whether it is to be expected that the job, with all that stand before it in its lane, has ended in a few
/// milliseconds: its function is a quick one, and some worker that has it is not stuck in a slow one.
bool Scheduler::ends_soon(const Job& job, Now now) const {
  if (!job.lane->queue->open() || (job.lane->caps != nullptr && job.lane->caps->full() != nullptr))
    return false;
  for (const Pool* pool : job.function->offered_by) {
    const auto rounds =
        static_cast<std::int64_t>(job.lane->jobs / std::max<std::size_t>(pool->workers.size(), 1));
    if (usual_run(job) > Nanos(kInSight) / (rounds + 1)) continue;
    const bool flows = std::any_of(pool->workers.begin(), pool->workers.end(), [&](const Worker* w) {
      return w->phase == Worker::Phase::ready && w->kill_reason == KillReason::none &&
             (w->channel.empty() ||
              (now.steady - w->channel.first_since() < kInSight && w->channel.load() <= kPrefetchWindow));
    });
    if (flows) return true;
  }
  return false;
}

/// Tells the store of the job as it stands, if that has not been done; then the submitter may be told that it
/// is accepted.
void Scheduler::write(Job& job, Turn& t) {
  if (!job.durable() || std::exchange(job.written, true)) return;
  last_insert_ = t.now.steady;
  handed_over_ += job.arguments.size();
  job.batch = next_batch();
  change::InsertJob insert{job.id,          job.owner,     job.function->name,
                           options_of(job), job.arguments, job.submitted};
  insert.client = job.submitter_tag;
  if (job.detail && job.detail->command) insert.command = *job.detail->command;
  insert.due = place_apart(job);
  t.plan.changes.emplace_back(std::move(insert));
  if (const Kin* kin = job.kin(); kin != nullptr && kin->written() != Link())
    t.plan.changes.emplace_back(change::LinkJob{job.id, kin->written()});
  if (job.ended()) {
    write_end(job, t);
    let_go_of_arguments(job);
    return;
  }
  if (job.interruptions > 0 || job.story().failure.cause != Cause::none)
    t.plan.changes.emplace_back(requeued(job));
  if (job.stream() != nullptr && !job.stream()->notes.empty()) write_told(job, t);
  if (Session* session = sessions_.find(job.submitter); session != nullptr)
    tell_accepted(*session, job.number, job.id, job.durability, t);
}

/// When it enters its queue, or did, if that is not when it was submitted; else zero.
WallTime Scheduler::place_apart(const Job& job) {
  const Timing* timing = job.timing();
  if (timing == nullptr) return {};
  if (timing->moment != WallTime()) return timing->moment;
  return timing->begin_after > job.submitted ? timing->begin_after : WallTime();
}

/// How it stands in its queue, or stood there before the attempt that is under way.
change::RequeueJob Scheduler::requeued(const Job& job) {
  const std::uint32_t under_way = job.state == State::running || job.state == State::waiting ? 1 : 0;
  change::RequeueJob change{job.id, job.attempts - under_way, job.interruptions};
  if (job.detail) {
    change.crashes = job.detail->crashes;
    change.failure = job.story().failure;
    change.due = place_apart(job);
  }
  return change;
}

void Scheduler::write_end(Job& job, Turn& t) {
  handed_over_ += job.result.size();
  job.batch = next_batch();
  change::EndJob end{job.id, job.state, {}, {}, job.result, job.started, job.ended_at, job.attempts};
  if (job.detail) {
    if (job.state == State::failed) end.failure = job.story().failure;
    end.reason = job.story().reason;
    end.crashes = job.detail->crashes;
  }
  t.plan.changes.emplace_back(std::move(end));
  if (!job.detail) return;
  if (message::Told all = told(job); !all.empty()) {
    change::TellJob tell{job.id, std::move(all), {}};
    if (const Stream* stream = job.stream(); stream != nullptr) {
      tell.parts = stream->parts;
      tell.output = stream->output;
      handed_over_ += tell.output.size();
    }
    t.plan.changes.emplace_back(std::move(tell));
  }
}

void Scheduler::write_due(Instant until, Turn& t) {
  while (!unwritten_.empty() && unwritten_.front().first <= until) {
    Job* job = jobs_.find(unwritten_.front().second);
    unwritten_.pop_front();
    if (job != nullptr && !job->ended()) write(*job, t);
  }
}

}  // namespace promised
