// SPDX-License-Identifier: Apache-2.0
// Jobs that return a future (SEMANTICS C7): such a job comes to what the future's job comes to, and its
// worker is free meanwhile. What a job has submitted is kept until it has ended, in case it returns that.
#include <algorithm>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

Failure no_such_job(const JobId& id) {
  Failure failure;
  failure.cause = Cause::exception;
  failure.type = "promised::NoSuchFuture";
  failure.message = "it returned the future of job " + id.text() +
                    ", which is gone, or was never there, or is another user's";
  return failure;
}

}  // namespace

/// `worker`: whose attempt has ended with that.
void Scheduler::become(Job& job, const Worker& worker, const JobId& id, Turn& t) {
  Job* from = jobs_.find(id);
  const bool on_disk = from == nullptr && backlog_ids_.contains(id);
  Failure failure;
  if (!on_disk && (from == nullptr || !may_wait_for(worker, job, *from))) {
    failure = no_such_job(id);
  } else if (const std::string circle = closed_circle(job, id); !circle.empty()) {
    failure.cause = Cause::deadlock;
    failure.message = circle;
  }
  if (failure.cause != Cause::none) {
    failure.attempt = job.attempts;
    failure.pid = worker.pid;
    end_job(job, State::failed, std::move(failure), {}, {}, t);
    return;
  }
  Kin& kin = kin_of(job);
  kin.link.becomes = id;
  kin.link.phase = Link::Phase::ready;
  kin.unread = from == nullptr;
  set_state(job, State::waiting);
  if (from != nullptr) {
    await_heritage(job, *from, t);
    if (job.ended()) return;
  } else {
    await_backlog(id, {job.id, worker.settings->user.empty(), worker.pid}, t);
  }
  watch_deadline(job);
  if (!kin.unread) write_heritage(job, t);
}

/// The next start must find what it waits for, and not run it again. Before it is known that it may come to
/// that, it must not: who looks then has no process any more to tell by.
void Scheduler::write_heritage(Job& job, Turn& t) {
  if (!job.durable()) return;
  if (!job.written) {
    write(job, t);
  } else {
    make_known(job, t);
    t.plan.changes.emplace_back(change::LinkJob{job.id, job.kin()->link});
  }
  if (!std::exchange(job.start_written, true))
    t.plan.changes.emplace_back(change::StartJob{job.id, job.attempts});
}

void Scheduler::await_heritage(Job& job, Job& from, Turn& t) {
  Kin& kin = kin_of(from);
  if (from.ended()) {
    inherit(job, from, from.result, t);
    return;
  }
  kin.heirs.push_back(job.id);
  if (!job.durable()) return;
  write(from, t);
  make_known(from, t);
}

/// Whether it may be inherited from shows when it has been read.
void Scheduler::await_backlog(const JobId& id, HeirOfBacklog heir, Turn& t) {
  auto& heirs = heirs_wait_for_backlog_[id];
  if (heirs.empty()) t.plan.effects.emplace_back(effect::LoadJob{id});
  heirs.push_back(heir);
}

/// It has been read, if it was there.
void Scheduler::found_for_heirs(const JobId& id, Turn& t) {
  auto waiting = heirs_wait_for_backlog_.extract(id);
  if (waiting.empty()) return;
  Job* from = jobs_.find(id);
  for (const HeirOfBacklog& waits : waiting.mapped()) {
    Job* heir = jobs_.find(waits.heir);
    // One that has failed meanwhile, by its deadline, may have been told to run again.
    if (heir == nullptr || heir->ended() || heir->kin()->link.becomes != id) continue;
    if (from == nullptr || !may_wait_for(waits.as_daemon, waits.session, *heir, *from)) {
      end_job(*heir, State::failed, no_such_job(id), {}, {}, t);
    } else {
      heir->kin()->unread = false;
      await_heritage(*heir, *from, t);
      if (!heir->ended()) write_heritage(*heir, t);
    }
  }
}

/// The worker whose job has opened the session; null if none runs there.
Worker* Scheduler::runner_behind(const Session& session) {
  if (session.worker == WorkerId{}) return nullptr;
  Worker* worker = find_worker(session.worker);
  return worker == nullptr || worker->channel.empty() ? nullptr : worker;
}

/// Its outcome has arrived at the job that has submitted it.
void Scheduler::keep_child(Worker& worker, const JobId& id, Turn& t) {
  worker.children.push_back(id);
  if (worker.children.size() <= kMostChildrenKept) return;
  const JobId oldest = worker.children.front();
  worker.children.pop_front();
  has_arrived(oldest, t);
}

void Scheduler::release_children(Worker& worker, Turn& t) {
  for (const JobId& id : std::exchange(worker.children, {})) has_arrived(id, t);
}

}  // namespace promised
