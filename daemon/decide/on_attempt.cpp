// SPDX-License-Identifier: Apache-2.0
// What becomes of attempts: they end, are taken back before they begin, or are lost with their worker.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

#include "common/claim_page.hpp"
#include "common/printable.hpp"
#include "common/units.hpp"
#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

bool is_time_limit(KillReason reason) {
  return reason == KillReason::run_timeout || reason == KillReason::progress_timeout ||
         reason == KillReason::deadline;
}

/// The worker speaks for a process of the job's own, which ended without an answer.
bool is_of_lost_process(const Worker& worker, const Failure& failure) {
  if (worker.settings->isolation != Isolation::job) return false;
  return failure.cause == Cause::crashed || failure.cause == Cause::exited ||
         (failure.cause == Cause::memory && failure.signal != 0);
}

/// How long the function usually runs; what is recent weighs more.
void learn(Function& function, Nanos ran) {
  auto& usual = function.usual_run;
  ran = std::min(ran, kLongestEstimate);
  usual = usual ? (*usual * 7 + ran) / 8 : ran;
}

std::string within_start_timeout(const Worker& worker) {
  return " within start_timeout (" + std::to_string(worker.settings->start_timeout.count()) + " ms)";
}

std::string out_of_memory(const PoolSettings& pool, std::uint64_t peak) {
  std::string text = "out of memory";
  if (pool.memory_limit > 0) text += ": memory_limit allows " + format_size(pool.memory_limit);
  if (peak > 0) text += (pool.memory_limit > 0 ? ", the peak was " : ": the peak was ") + format_size(peak);
  return text;
}

}  // namespace

/// A run that has ended without an answer.
struct Scheduler::Loss {
  const char* who;  ///< has gone
  Failure known;    ///< signal or status, use, output, backtrace
  bool out_of_memory = false;
  std::string protocol_error{};
  bool had_begun = true;  ///< for certain
};

/// Nobody wanted the end. Says in `loss.known` what it was.
void Scheduler::describe(Loss& loss, Nanos ran, const PoolSettings& pool) {
  const auto after = " after " + std::to_string(std::chrono::duration_cast<Millis>(ran).count()) + " ms";
  Failure& failure = loss.known;
  failure.cause = Cause::crashed;
  if (failure.signal == SIGXCPU && pool.cpu_time.count() > 0) {
    failure.cause = Cause::timed_out;
    failure.limit = "cpu_time";
    failure.message = "it used more than cpu_time (" + format_duration(pool.cpu_time) + ") of the processor";
    return;
  }
  if (!loss.protocol_error.empty()) {
    failure.message = "the worker broke its protocol" + after + ": " + loss.protocol_error;
  } else if (failure.signal != 0) {
    failure.message = std::string(loss.who) + " was killed by signal " + std::to_string(failure.signal) +
                      " (" + strsignal(failure.signal) + ")" + after;
  } else {
    failure.cause = Cause::exited;
    failure.message = std::string(loss.who) + " exited with status " + std::to_string(failure.exit_code) +
                      after + " without an answer";
  }
  if (loss.out_of_memory) {
    failure.cause = Cause::memory;
    failure.message = out_of_memory(pool, failure.peak_memory) + ": " + failure.message;
  }
}

void Scheduler::on(event::AttemptEnded&& e, Turn& t) {
  Worker* worker = find_worker(e.worker);
  if (worker == nullptr) return;
  if (worker->channel.empty() || worker->channel.front().sequence != e.sequence) {
    kill_for_stale(*worker, e.sequence, t);
    return;
  }
  Job& job = *worker->channel.front().job;
  const bool too_late = came_too_late(*worker, e, job);
  const WorkerChannel::Slot slot = worker->channel.take_first();
  worker->cancel_told = {};
  worker->heard = t.now.steady;
  if (worker->wait != Worker::Wait::none) give_up_wait(*worker, job);
  ++worker->ran;
  Pool& pool = *worker->pool;
  if (pool.is_current(*worker)) pool.failures = 0;  // an old program shows nothing of the new one
  if (!pool.lacks_process(t.now.steady)) tell_recovered(pool, t);
  pool.dirty = true;
  job.worker = nullptr;
  lanes_.give_back(job);
  keep_printed(job, std::move(e.printed));
  if (is_of_lost_process(*worker, e.failure)) {
    lost_with_its_process(slot, *worker, std::move(e.failure), t);
    release_children(*worker, t);
    next_after_report(*worker, t);
    return;
  }
  ++pool.finished;
  learn(*job.function, e.ran);
  if (too_late) {
    Failure failure = timed_out(*worker, job);
    failure.output = std::move(e.failure.output);
    e.failure = std::move(failure);
  }
  State state = State::succeeded;
  if (e.failure.cause != Cause::none) {
    state = State::failed;
    e.failure.attempt = job.attempts;
    e.failure.pid = worker->pid;
    e.failure.ran = e.ran;
  }
  if (job.cancel_asked) {
    // That had been answered when the report came: it holds, whatever the run has come to.
    end_job(job, State::cancelled, {}, job.story().reason, {}, t);
  } else if (state == State::failed) {
    attempt_failed(job, std::move(e.failure), t);
  } else if (!e.becomes.empty()) {
    become(job, *worker, e.becomes, t);
  } else {
    if (job.story().progress) job.tell().progress = 100;  // SEMANTICS P1
    end_job(job, state, {}, {}, std::move(e.result), t);
  }
  release_children(*worker, t);
  next_after_report(*worker, t);
}

void Scheduler::next_after_report(Worker& worker, Turn& t) {
  if (!worker.channel.empty()) {
    begin(worker, t);
  } else if (worker.kill_reason != KillReason::none) {
    kill_hard(worker, worker.kill_reason, t);  // SIGTERM was for the job that has ended: no grace is needed
  }
  between_jobs(worker, t);
}

/// SEMANTICS A5: a report of an attempt that is over: the job that runs has no part in it. Or that never was.
void Scheduler::kill_for_stale(Worker& worker, std::uint32_t sequence, Turn& t) {
  ++stale_reports_;
  if (worker.kill_reason != KillReason::none) return;
  kill_for_fault(
      worker,
      "it reported of run " + std::to_string(sequence) +
          (worker.channel.empty() ? ", and has none"
                                  : ", and runs " + std::to_string(worker.channel.front().sequence)),
      t);
  // Of a run that never was, whoever runs is to blame.
  const bool is_old =
      worker.ran > 0 && (worker.channel.empty() || comes_before(sequence, worker.channel.front().sequence));
  if (is_old) worker.kill_sequence = sequence;
}

/// Whether a limit of the job's time was over before it ended, and its worker is being killed for that.
bool Scheduler::came_too_late(const Worker& worker, const event::AttemptEnded& report, const Job& job) const {
  if (!is_time_limit(worker.kill_reason) || worker.kill_sequence != report.sequence) return false;
  // The report was on its way already, and the worker knows better when the run was over.
  return worker.kill_reason != KillReason::run_timeout || report.ran >= run_limit(worker, job);
}

void Scheduler::on(event::AttemptProgress&& e, Turn& t) {
  Job* job = reporting(e.worker, e.sequence, t);
  if (job == nullptr) return;
  job->worker->heard = t.now.steady;
  job->tell().progress = e.percent;
  job->tell().progress_message = beginning_of(e.message, kMostShortText);
  have_new_progress(*job);
  happened(EventKind::progress, *job, t);
}

void Scheduler::on(event::Revoked&& e, Turn& t) {
  Worker* worker = find_worker(e.worker);
  if (worker == nullptr) return;
  WorkerChannel& channel = worker->channel;
  if (!channel.end_revoking()) return;  // while an answer is due, nothing is overdue
  if (!channel.was_given(e.first_unclaimed)) {
    kill_for_fault(*worker,
                   "it says that it has begun run " + std::to_string(e.first_unclaimed - 1) +
                       ", and was given none behind " + std::to_string(channel.next_sequence() - 1),
                   t);
    return;
  }
  worker->pool->dirty = true;
  if (channel.overdue(t.now.steady, worker->settings->start_timeout) == WorkerChannel::Overdue::beginning &&
      !channel.has_first_begun(channel.front().sequence, e.first_unclaimed)) {
    // Whether that is true is judged when it has gone.
    give_back(*worker, channel.front().sequence + 1, t);
    kill_for_fault(*worker, "it did not begin what it was given" + within_start_timeout(*worker), t);
    return;
  }
  give_back(*worker, e.first_unclaimed, t);
  if (channel.empty()) {
    between_jobs(*worker, t);
    return;
  }
  for (const WorkerChannel::Slot& slot : channel) slot.job->withdraw_asked = slot.job->expire_asked = false;
  channel.all_have_begun(t.now.steady);
  if (channel.size() > 1) {
    arm(*worker, t);
    return;
  }
  Job& job = *channel.front().job;
  if (job.cancel_asked) stop_cancelled(*worker, t);
}

/// A worker that does not is stopped, by one of its jobs or from outside, or says on the page that it shares
/// that all its jobs are taken back: without this its jobs would be running for ever, and never run.
void Scheduler::see_whether_it_begins(Worker& worker, Turn& t) {
  switch (worker.channel.overdue(t.now.steady, worker.settings->start_timeout)) {
    case WorkerChannel::Overdue::nothing:
      return;
    case WorkerChannel::Overdue::beginning:
      revoke(worker, t);
      return;
    case WorkerChannel::Overdue::report:
      kill_for_fault(worker,
                     "it says that it has begun " + std::to_string(worker.channel.size()) +
                         " jobs, and did not tell how the first has ended" + within_start_timeout(worker),
                     t);
      return;
    case WorkerChannel::Overdue::not_told:
      worker.channel.wait_for_disk(around_.store.committed, t.now.steady);
      return;
  }
}

/// The jobs that had not begun leave the channel: back to where they were, nothing counted (SEMANTICS A2).
void Scheduler::give_back(Worker& worker, std::uint32_t first_unclaimed, Turn& t) {
  while (worker.channel.is_last_unclaimed(first_unclaimed)) {
    Job& job = *worker.channel.take_back_last(t.now.steady).job;
    job.worker = nullptr;
    lanes_.take_back(job, worker.pool->ready);
    if (worker.channel.empty()) {
      // The first of the channel counted as running.
      --job.attempts;
      set_state(job, State::pending);
    }
    if (job.cancel_asked || job.withdraw_asked) {
      end_job(job, State::cancelled, {}, job.story().reason, {}, t);
    } else if (job.expire_asked) {
      end_overdue(job, t);
    } else {
      // The store may have been told that it had begun.
      if (std::exchange(job.start_written, false) && job.written) {
        t.plan.changes.emplace_back(requeued(job));
      }
      enqueue(job, t);
    }
  }
}

/// As a loss with the worker, but the worker is there still (SEMANTICS I1, isolation = job).
void Scheduler::lost_with_its_process(const WorkerChannel::Slot& slot, Worker& worker, Failure failure,
                                      Turn& t) {
  const bool asked_to = worker.kill_reason != KillReason::none;
  if (!asked_to) ++worker.pool->crashes;
  const int signal = failure.signal;
  const bool out_of_memory = failure.cause == Cause::memory;
  lost(slot, worker, {"the process of the job", std::move(failure), out_of_memory}, t);
  // SIGTERM went to the whole group, and the worker has let it pass. What else may have ended the process
  // just then does not mean that: then the worker goes too.
  if (asked_to && !worker.killed_hard && signal == SIGTERM) {
    worker.kill_reason = KillReason::none;
    clear_timer(worker);
  }
}

void Scheduler::lost_with_worker(const WorkerChannel::Slot& slot, const Worker& worker,
                                 const event::WorkerGone& gone, Turn& t) {
  Failure known;
  known.signal = gone.signal;
  known.exit_code = gone.exit_code;
  known.output = gone.output;
  known.backtrace = gone.backtrace;
  known.user = gone.user;
  known.system = gone.system;
  known.peak_memory = gone.peak_memory;
  const bool had_begun = worker.channel.has_first_begun(slot.sequence, gone.first_unclaimed);
  lost(slot, worker, {"the worker", std::move(known), gone.out_of_memory, gone.protocol_error, had_begun}, t);
}

void Scheduler::lost(const WorkerChannel::Slot& slot, const Worker& worker, Loss loss, Turn& t) {
  Job& job = *slot.job;
  const KillReason reason = worker.kill_reason;
  if (job.cancel_asked) {
    end_job(job, State::cancelled, {}, job.story().reason, {}, t);
    return;
  }
  // Begun in the moment in which the one that was meant had ended.
  const bool mistaken =
      ((is_time_limit(reason) || reason == KillReason::protocol) && slot.sequence != worker.kill_sequence) ||
      reason == KillReason::cancelled;
  if (mistaken || reason == KillReason::stop) {
    interrupt(job, t);
    return;
  }
  Failure& failure = loss.known;
  if (is_time_limit(reason)) {
    Failure over = timed_out(worker, job);
    over.output = std::move(failure.output);
    over.user = failure.user;
    over.system = failure.system;
    over.peak_memory = failure.peak_memory;
    failure = std::move(over);
  } else {
    describe(loss, t.now.steady - job.began, *worker.settings);
  }
  failure.attempt = job.attempts;
  failure.pid = worker.pid;
  failure.ran = t.now.steady - job.began;
  if (!loss.had_begun && job.at_most_once && reason != KillReason::deadline) {
    failure.cause = Cause::interrupted;
    failure.limit.clear();
    failure.message =
        "it cannot be told for certain whether it had begun, and it was submitted to run at "
        "most once: " +
        failure.message;
    end_job(job, State::failed, std::move(failure), {}, {}, t);
  } else if (failure.cause == Cause::timed_out) {
    attempt_failed(job, std::move(failure), t);
  } else {
    if (!loss.had_begun) {
      failure.message += "; so its workers went " + std::to_string(kMostGivenBack) +
                         " times in a row before they had said that they began it";
    }
    crashed(job, std::move(failure), t);
  }
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
  happened(EventKind::interrupted, job, t);
  if (job.attempts > 0) --job.attempts;  // an interruption is not an attempt
  put_back(job, t);
}

}  // namespace promised
