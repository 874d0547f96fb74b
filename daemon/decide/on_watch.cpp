// SPDX-License-Identifier: Apache-2.0
// Who wants to know how a job ends.
#include <algorithm>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {

void Scheduler::on(Asked& asked, message::Watch& watch, Turn& t) {
  Job* job = find(asked, watch.key, t);
  if (job == nullptr) return;
  if (!job->ended()) {
    reply(asked.event.session, asked.number(), message::Known{job->id, job->state, false}, false, t);
    if (watch.peek) return;
    if (job->submitter_tag == asked.session.tag() && job->name == nullptr &&
        sessions_.find(job->submitter) == nullptr) {
      // The submitter is back, over a new connection.
      job->submitter = asked.event.session;
      job->number = asked.number();
      return;
    }
    if (watches_ >= settings_.limits.max_watches) {
      refuse(asked.event.session, asked.number(),
             {.code = "limit",
              .message = "max_watches (" + std::to_string(settings_.limits.max_watches) +
                         ") is reached; raise it in section [limits]"},
             t);
      return;
    }
    add_watcher(*job, {asked.event.session, asked.number(), watch.take});
    return;
  }
  const bool own = job->name == nullptr && !job->delivered && job->submitter_tag != 0 &&
                   job->submitter_tag == asked.session.tag();
  if (own && !watch.peek) {
    clear_timer(*job);
    job->submitter = asked.event.session;
    job->number = asked.number();
    deliver(*job, t);
    return;
  }
  send_outcome(asked.session, asked.number(), *job, 0, t);
  if (watch.take && !(job->result_in_store && job->state == State::succeeded)) {
    take_name(*job, State::forgotten, t);
    keep_or_release(*job, t);
  } else if (watch.take) {
    job->more().loading.back().take = true;
  }
}

void Scheduler::add_watcher(Job& job, Watcher watcher) {
  auto& watchers = job.more().watchers;
  // Those whose session is gone are dropped here, at most once a doubling.
  if (watchers.size() >= 8 && (watchers.size() & (watchers.size() - 1)) == 0) {
    watches_ -=
        std::erase_if(watchers, [&](const Watcher& w) { return sessions_.find(w.session) == nullptr; });
  }
  watchers.push_back(watcher);
  ++watches_;
}

void Scheduler::on(event::ResultLoaded&& e, Turn& t) {
  Job* job = jobs_.find(e.job);
  if (job == nullptr || !job->detail) return;
  const auto loading = std::exchange(job->detail->loading, {});
  bool take = false;
  for (const Watcher& w : loading) {
    Session* session = sessions_.find(w.session);
    if (session == nullptr) continue;
    if (!e.found) {
      refuse(w.session, w.number,
             {.code = "no_such_future",
              .message = "the result of job " + e.job.text() + " is not in the store any more",
              .state = State::lapsed},
             t);
      continue;
    }
    t.plan.effects.emplace_back(
        effect::Send{w.session, {w.number, 0, message::Ended{job->id, job->state, {}, {}}}, e.result});
    take = take || w.take;
  }
  if (take) {
    take_name(*job, State::forgotten, t);
    keep_or_release(*job, t);
  }
}

}  // namespace promised
