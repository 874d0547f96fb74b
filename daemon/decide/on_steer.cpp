// SPDX-License-Identifier: Apache-2.0
// Cancelling (SEMANTICS X), in stages where the job runs; taking back what has not begun (S4), and new limits
// for a job that has not ended.
#include <string>
#include <utility>

#include "common/printable.hpp"
#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Bytes of the reason that a client gives.
constexpr std::size_t kMostReason = std::size_t{4} << 10;

/// Who does something, as far as the kernel and the client's own word go, and why.
std::string by(const Session& session, const std::string& why) {
  std::string text = "by user " + std::to_string(session.who.uid);
  if (!session.program.empty())
    text += " (" + session.program + ", pid " + std::to_string(session.who.pid) + ")";
  if (!why.empty()) text += ": " + std::string(beginning_of(why, kMostReason));
  return text;
}

}  // namespace

void Scheduler::on(Asked& asked, message::Cancel& cancel, Turn& t) {
  Job* job = find(asked, cancel.key, Touch::steer, t);
  if (job == nullptr || refuse_stalled(asked, *job, t)) return;
  const JobId id = job->id;
  const bool durable = job->durable();
  if (job->ended()) {
    reply(asked.event.session, asked.number(), message::Known{id, job->state, false},
          durable && !is_on_disk(*job), t);
    return;
  }
  this->cancel(*job, "cancelled " + by(asked.session, cancel.reason), cancel.now ? Haste::now : Haste::none,
               t);
  reply(asked.event.session, asked.number(), message::Known{id, job->state, true}, durable, t);
}

void Scheduler::cancel(Job& job, std::string reason, Haste haste, Turn& t) {
  if (job.worker == nullptr) {
    const Kin* kin = job.kin();
    if (kin != nullptr && kin->course && kin->link.phase == Link::Phase::ready) {
      cancel_members(job, std::move(reason), haste, t);
    } else {
      end_job(job, State::cancelled, {}, std::move(reason), {}, t);
    }
    return;
  }
  if (haste == Haste::now) job.more().cancel_now = true;
  if (job.cancel_asked) {  // who said so first is kept
    Worker& worker = *job.worker;
    if (haste == Haste::now && !worker.channel.is_revoking() && worker.channel.front().job == &job)
      stop_cancelled(worker, t);
    return;
  }
  // In a worker's channel: whether it has begun shows when the channel is taken back.
  job.tell().reason = std::move(reason);
  job.cancel_asked = true;
  write(job, t);
  if (job.durable()) t.plan.changes.emplace_back(change::CancelJob{job.id, job.story().reason});
  revoke(*job.worker, t);
}

/// The job that the worker runs is cancelled: it is told, and has kill_grace to stop by itself, then as long
/// again between SIGTERM and SIGKILL (SEMANTICS X1). Or it is killed, if that was said.
void Scheduler::stop_cancelled(Worker& worker, Turn& t) {
  const Job& job = *worker.channel.front().job;
  if (job.detail->cancel_now) {
    kill_hard(worker, KillReason::cancelled, t);
    return;
  }
  if (worker.kill_reason != KillReason::none || worker.cancel_told != Instant{}) return;
  const std::uint32_t sequence = worker.channel.front().sequence;
  worker.cancel_told = t.now.steady;
  t.plan.effects.emplace_back(effect::MarkCancelled{worker.id, sequence});
  if (worker.wait != Worker::Wait::none) {
    end_wait(worker, {sequence, "cancelled", "the job that waits was cancelled"}, Turned::first);
  }
  arm(worker, t);
}

void Scheduler::on(Asked& asked, message::Withdraw& withdraw, Turn& t) {
  const std::string reason = "withdrawn by user " + std::to_string(asked.uid()) + " before it had begun";
  message::Count taken;
  for (const JobId& id : withdraw.ids) {
    Job* job = jobs_.find(id);
    if (job == nullptr && backlog_ids_.contains(id)) {
      // Has not begun; it has to be read first, and comes here again alone, with nobody to answer.
      event::Requested alone{asked.event.session, asked.event.who, {0, 0, message::Withdraw{{id}}}, {}};
      Asked again{alone, asked.session};
      if (auto refused = check_held(again)) {
        refuse(asked.event.session, asked.number(), std::move(*refused), t);
        return;
      }
      if (wait_for_backlog(again, t)) ++taken.count;
      continue;
    }
    const bool follows =
        job != nullptr && waits_for_kin(*job) && job->kin()->link.phase == Link::Phase::waiting;
    const bool waits_its_turn =
        job != nullptr && (job->state == State::pending || job->state == State::scheduled || follows);
    if (!waits_its_turn || !may(asked, *job, Touch::steer)) continue;
    ++taken.count;
    this->withdraw(*job, reason, t);
  }
  if (asked.number() != 0) reply(asked.event.session, asked.number(), taken, false, t);
}

void Scheduler::withdraw(Job& job, const std::string& reason, Turn& t) {
  if (job.worker == nullptr) {
    end_job(job, State::cancelled, {}, reason, {}, t);
    return;
  }
  if (job.cancel_asked || job.withdraw_asked) return;  // who said so first is kept
  job.withdraw_asked = true;
  job.tell().reason = reason;
  revoke(*job.worker, t);
}

void Scheduler::on(Asked& asked, message::Adjust& adjust, Turn& t) {
  Job* job = find(asked, {adjust.id, {}}, Touch::steer, t);
  if (job == nullptr || refuse_stalled(asked, *job, t)) return;
  if (!job->ended()) {
    if (adjust.timeout) {
      job->own_limits().timeout = *adjust.timeout;
      make_known(*job, t);
      if (job->state == State::pending) {
        clear_timer(*job);
        expire_in_time(*job);
      }
    }
    if (adjust.run_timeout) {
      job->own_limits().run_timeout = *adjust.run_timeout;
      if (job->state == State::running) arm(*job->worker, t);
    }
    write(*job, t);
    if (job->durable()) {
      t.plan.changes.emplace_back(
          change::AdjustJob{job->id, job->limits().timeout, job->limits().run_timeout});
    }
  }
  reply(asked.event.session, asked.number(), message::Known{job->id, job->state, !job->ended()},
        job->durable(), t);
}

}  // namespace promised
