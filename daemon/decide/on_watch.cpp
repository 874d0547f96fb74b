// SPDX-License-Identifier: Apache-2.0
// Who wants to know how a job ends.
#include <algorithm>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {

void Scheduler::on(Asked& asked, message::Watch& watch, Turn& t) {
  Job* job = find(asked, watch.key, watch.take ? Touch::name : Touch::look, t);
  if (job == nullptr) return;
  if (!job->ended()) {
    if (watch.take && job->name == nullptr) {
      refuse_taken(asked.event.session, asked.number(), job->id, t);
      return;
    }
    if (watch.peek) {
      reply(asked.event.session, asked.number(), message::Known{job->id, job->state, false}, false, t);
      return;
    }
    // Who waits for a durable job counts on it: it is on disk when this is told.
    write(*job, t);
    const bool waits = job->durable() && !is_on_disk(*job);
    if (waits && refuse_stalled(asked, *job, t)) return;
    reply(asked.event.session, asked.number(), message::Known{job->id, job->state, false}, waits, t);
    if (job->submitter_tag == asked.session.tag() && !watch.take &&
        sessions_.find(job->submitter) == nullptr) {
      // The submitter is back, over a new connection.
      job->submitter = asked.event.session;
      job->number = asked.number();
      return;
    }
    if (auto refused = accounts_.check(asked.uid(), Quantity::watches)) {
      refuse(asked.event.session, asked.number(), std::move(*refused), t);
      return;
    }
    add_watcher(*job, asked.session, {asked.event.session, asked.number(), watch.take});
    return;
  }
  const Watcher asker{asked.event.session, asked.number(), watch.take};
  if (has_taken(asker, *job)) return;
  // What was to go to an earlier connection of the same client has not arrived, also where it is still read
  // from the store.
  const bool arrives = job->delivered && sessions_.find(job->submitter) != nullptr;
  const bool own = job->name == nullptr && !arrives && job->submitter_tag != 0 &&
                   job->submitter_tag == asked.session.tag();
  if (own && !watch.peek) {
    clear_timer(*job);
    job->submitter = asked.event.session;
    job->number = asked.number();
    deliver(*job, t);
    return;
  }
  send_outcome(asked.session, asker, *job, t);
}

void Scheduler::add_watcher(Job& job, Session& session, Watcher watcher) {
  auto& watchers = job.listeners().watchers;
  // Those whose session is gone are dropped here, at most once a doubling.
  if (watchers.size() >= 8 && (watchers.size() & (watchers.size() - 1)) == 0) {
    std::erase_if(watchers, [&](const Watcher& w) { return sessions_.find(w.session) == nullptr; });
  }
  watchers.push_back(watcher);
  ++session.watches;
  accounts_.add(session.who.uid, Quantity::watches);
}

}  // namespace promised
