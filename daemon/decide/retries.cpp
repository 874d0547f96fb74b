// SPDX-License-Identifier: Apache-2.0
// Jobs that run again: after a failure or a crash, as often as they were submitted to (SEMANTICS A1, A3, A6).
#include <string>
#include <utility>

#include "daemon/decide/backoff.hpp"
#include "daemon/decide/scheduler.hpp"

namespace promised {

/// Its worker is well, or was killed for a limit of the job's time.
void Scheduler::attempt_failed(Job& job, Failure failure, Turn& t) {
  const Timing* timing = job.timing();
  const std::uint32_t retries = timing != nullptr && timing->policy ? timing->policy->retries : 0;
  const std::uint32_t crashes = job.detail ? job.detail->crashes : 0;
  if (job.attempts - crashes > retries || !is_worth_retrying(failure)) {
    end_job(job, State::failed, std::move(failure), {}, {}, t);
    return;
  }
  const Millis rest = failure.retry_after.value_or(
      pause_after(job.attempts, timing->policy->backoff.value_or(Backoff()), random_for(job)));
  try_again(job, std::move(failure), rest, t);
}

/// SEMANTICS A3. What crashes its worker again and again is not tried for ever. One that was quarantined and
/// is told to run again may crash as often once more.
void Scheduler::crashed(Job& job, Failure failure, Turn& t) {
  if (!job.detail || job.detail->retry_on != Retry::crash) {
    end_job(job, State::failed, std::move(failure), {}, {}, t);
    return;
  }
  const std::uint32_t times = ++job.detail->crashes - job.detail->pardoned;
  if (times < settings_.limits.max_crashes) {
    const Timing* timing = job.timing();
    const bool rests = timing != nullptr && timing->policy && timing->policy->backoff;
    const Millis rest =
        rests ? pause_after(job.attempts, *timing->policy->backoff, random_for(job)) : Millis(0);
    try_again(job, std::move(failure), rest, t);
    return;
  }
  failure.cause = Cause::quarantined;
  failure.message = "its worker crashed " + std::to_string(times) + (times == 1 ? " time" : " times") +
                    ", as often as max_crashes allows; the last time: " + failure.message;
  end_job(job, State::failed, std::move(failure), {}, {}, t);
}

/// Nobody can foresee it, and the same in every run of a test.
std::uint64_t Scheduler::random_for(const Job& job) const {
  return hash_id(job.id, seed_ + job.attempts);
}

void Scheduler::try_again(Job& job, Failure failure, Millis rest, Turn& t) {
  keep_failure(job, std::move(failure));
  job.queued = t.now.steady;
  if (job.detail) job.detail->given_back = 0;
  happened(EventKind::retried, job, t);
  if (rest == Millis(0)) {
    put_back(job, t);
    return;
  }
  take_from_run(job);
  pause(job, rest, t);
  tell_requeued(job, t);
}

/// It is in no list then. What came too late for its run, before that was known, does not count for the next.
void Scheduler::take_from_run(Job& job) {
  job.expire_asked = job.withdraw_asked = false;
  begin_anew(job);
  set_state(job, State::pending);
  job.start_written = false;
}

void Scheduler::tell_requeued(Job& job, Turn& t) {
  if (job.written) {
    t.plan.changes.emplace_back(requeued(job));
  } else {
    write(job, t);
  }
}

/// To its old place in its queue.
void Scheduler::put_back(Job& job, Turn& t) {
  take_from_run(job);
  tell_requeued(job, t);
  enqueue(job, t);
}

}  // namespace promised
