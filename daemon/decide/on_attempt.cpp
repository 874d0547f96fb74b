// SPDX-License-Identifier: Apache-2.0
// What becomes of attempts: they end, are taken back before they begin, or are lost with their worker.
#include <cstring>
#include <utility>

#include "common/printable.hpp"
#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Sequence numbers wrap; two that are compared are never 2^31 apart.
bool before(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b) < 0;
}

}  // namespace

void Scheduler::on(event::AttemptEnded&& e, Turn& t) {
  Worker* worker = find_worker(e.worker);
  if (worker == nullptr) return;
  if (worker->channel.empty() || worker->channel.front().sequence != e.sequence) {
    // SEMANTICS A5: a report of an attempt that is over, or never was; its worker is recycled.
    ++stale_reports_;
    kill(*worker, KillReason::protocol, t);
    return;
  }
  Job& job = *worker->channel.front().job;
  worker->load -= worker->channel.front().estimate;
  worker->channel.pop_front();
  worker->exclusive = false;
  ++worker->ran;
  Pool& pool = *worker->pool;
  ++pool.finished;
  pool.failures = 0;
  pool.dirty = true;
  job.worker = nullptr;
  keep_printed(job, std::move(e.printed));
  auto& usual = job.function->usual_run;
  usual = usual ? (*usual * 7 + e.ran) / 8 : e.ran;
  State state = State::succeeded;
  if (e.failure.cause != Cause::none) {
    state = State::failed;
    e.failure.attempt = job.attempts;
    e.failure.pid = worker->pid;
    e.failure.ran = e.ran;
  }
  if (state == State::succeeded && job.detail && job.detail->progress)
    job.detail->progress = 100;  // SEMANTICS P1
  end_job(job, state, std::move(e.failure), {}, std::move(e.result), t);
  if (!worker->channel.empty()) begin(*worker, t);
}

void Scheduler::on(event::AttemptProgress&& e, Turn& t) {
  Job* job = reporting(e.worker, e.sequence, t);
  if (job == nullptr) return;
  job->more().progress = e.percent;
  job->more().progress_message = beginning_of(e.message, kMostShortText);
  have_new_progress(*job);
}

void Scheduler::on(event::Revoked&& e, Turn& t) {
  Worker* worker = find_worker(e.worker);
  if (worker == nullptr || !std::exchange(worker->revoking, false)) return;
  give_back(*worker, e.first_unclaimed, t);
  worker->pool->dirty = true;
  if (worker->channel.empty()) {
    worker->exclusive = false;
    return;
  }
  // What is left was begun; all but the last have ended, and their reports are on the way.
  for (const Worker::Slot& slot : worker->channel) {
    slot.job->expire_asked = false;
    slot.job->withdraw_asked = false;
  }
  if (worker->channel.size() == 1 && worker->channel.front().job->cancel_asked) {
    kill(*worker, KillReason::cancelled, t);
  }
}

/// The jobs that had not begun leave the channel: back to where they were, nothing counted (SEMANTICS A2).
void Scheduler::give_back(Worker& worker, std::uint32_t first_unclaimed, Turn& t) {
  while (!worker.channel.empty() && !before(worker.channel.back().sequence, first_unclaimed)) {
    const Worker::Slot slot = worker.channel.back();
    worker.channel.pop_back();
    worker.load -= slot.estimate;
    Job& job = *slot.job;
    job.worker = nullptr;
    if (worker.channel.empty()) {
      // The first of the channel counted as running.
      --job.attempts;
      set_state(job, State::pending);
    }
    if (job.cancel_asked || job.withdraw_asked) {
      end_job(job, State::cancelled, {}, job.more().reason, {}, t);
    } else if (job.expire_asked) {
      end_job(job, State::expired, {}, {}, {}, t);
    } else {
      // The store may have been told that it had begun.
      if (std::exchange(job.start_written, false) && job.written) {
        t.plan.changes.emplace_back(change::RequeueJob{job.id, job.attempts, job.interruptions});
      }
      enqueue(job, t);
    }
  }
}

void Scheduler::lost_with_worker(Job& job, const Worker& worker, const event::WorkerGone& gone, Turn& t) {
  Failure failure;
  failure.attempt = job.attempts;
  failure.pid = worker.pid;
  failure.ran = t.now.steady - job.began;
  failure.output = gone.output;
  const auto after =
      " after " + std::to_string(std::chrono::duration_cast<Millis>(failure.ran).count()) + " ms";
  switch (worker.kill_reason) {
    case KillReason::cancelled:
      if (!job.cancel_asked) {
        // Begun in the moment in which the one that was meant had ended.
        interrupt(job, t);
        return;
      }
      end_job(job, State::cancelled, {}, job.more().reason, {}, t);
      return;
    case KillReason::stop:
      interrupt(job, t);
      return;
    case KillReason::run_timeout:
      if (failure.ran < run_limit(worker, job)) {
        // Begun in the moment in which the one that was meant had ended.
        interrupt(job, t);
        return;
      }
      failure.cause = Cause::timed_out;
      failure.limit = "run_timeout";
      failure.message =
          "it ran for longer than run_timeout (" + std::to_string(run_limit(worker, job).count()) + " ms)";
      break;
    case KillReason::none:
    case KillReason::protocol:
    case KillReason::start_timeout:
    case KillReason::no_function:
      if (!gone.protocol_error.empty()) {
        failure.cause = Cause::crashed;
        failure.message = "the worker broke its protocol" + after + ": " + gone.protocol_error;
      } else if (gone.signal != 0) {
        failure.cause = Cause::crashed;
        failure.message = std::string("the worker was killed by signal ") + std::to_string(gone.signal) +
                          " (" + strsignal(gone.signal) + ")" + after;
      } else {
        failure.cause = Cause::exited;
        failure.message =
            "the worker exited with status " + std::to_string(gone.exit_code) + after + " without an answer";
      }
      failure.signal = gone.signal;
      failure.exit_code = gone.exit_code;
      break;
  }
  end_job(job, State::failed, std::move(failure), {}, {}, t);
}

/// Cut off by no fault of its own (DESIGN 2.4, SEMANTICS A4).
void Scheduler::interrupt(Job& job, Turn& t) {
  ++job.interruptions;
  if (job.at_most_once || job.interruptions > settings_.limits.max_interruptions) {
    Failure failure;
    failure.cause = Cause::interrupted;
    failure.attempt = job.attempts;
    failure.message = job.at_most_once ? "its run was cut off, and it was submitted to run at most once"
                                       : "its run was cut off " + std::to_string(job.interruptions) +
                                             " times, which is more than max_interruptions (" +
                                             std::to_string(settings_.limits.max_interruptions) + ")";
    end_job(job, State::failed, std::move(failure), {}, {}, t);
    return;
  }
  if (job.attempts > 0) --job.attempts;  // an interruption is not an attempt
  begin_anew(job);
  set_state(job, State::pending);
  job.start_written = false;
  if (job.written) t.plan.changes.emplace_back(change::RequeueJob{job.id, job.attempts, job.interruptions});
  enqueue(job, t);
}

}  // namespace promised
