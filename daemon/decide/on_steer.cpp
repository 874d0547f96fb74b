// SPDX-License-Identifier: Apache-2.0
// Cancelling (SEMANTICS X) and new limits for a job that has not ended.
#include <string>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {

void Scheduler::on(Asked& asked, message::Cancel& cancel, Turn& t) {
  Job* job = find(asked, cancel.key, t);
  if (job == nullptr || refuse_stalled(asked, *job, t)) return;
  const JobId id = job->id;
  const bool durable = job->durable();
  if (job->ended()) {
    reply(asked.event.session, asked.number(), message::Known{id, job->state, false}, false, t);
    return;
  }
  job->more().reason = "cancelled by user " + std::to_string(asked.uid());
  if (job->worker == nullptr) {
    end_job(*job, State::cancelled, {}, job->more().reason, {}, t);
    reply(asked.event.session, asked.number(), message::Known{id, State::cancelled, true}, durable, t);
    return;
  }
  // In a worker's channel: whether it has begun shows when the channel is taken back.
  job->cancel_asked = true;
  write(*job, t);
  if (durable) t.plan.changes.emplace_back(change::CancelJob{id, job->more().reason});
  revoke(*job->worker, t);
  reply(asked.event.session, asked.number(), message::Known{id, job->state, true}, durable, t);
}

void Scheduler::on(Asked& asked, message::Adjust& adjust, Turn& t) {
  Job* job = find(asked, {adjust.id, {}}, t);
  if (job == nullptr || refuse_stalled(asked, *job, t)) return;
  if (!job->ended()) {
    if (adjust.timeout) {
      job->more().timeout = *adjust.timeout;
      make_known(*job, t);
      if (job->state == State::pending) {
        clear_timer(*job);
        expire_in_time(*job);
      }
    }
    if (adjust.run_timeout) {
      job->more().run_timeout = *adjust.run_timeout;
      if (job->state == State::running) arm(*job->worker, t);
    }
    write(*job, t);
    if (job->durable()) {
      t.plan.changes.emplace_back(change::AdjustJob{job->id, job->more().timeout, job->more().run_timeout});
    }
  }
  reply(asked.event.session, asked.number(), message::Known{job->id, job->state, !job->ended()},
        job->durable(), t);
}

}  // namespace promised
