// SPDX-License-Identifier: Apache-2.0
// Who is told what happens to jobs (SEMANTICS C9). Events are told at the end of the turn in which they have
// happened, and only when all that was decided by then is on disk: so nobody is told of a durable job, or of
// an end under a name, that a kill of the daemon could take back.
#include <utility>

#include "common/printable.hpp"
#include "daemon/decide/scheduler.hpp"

namespace promised {

void Scheduler::on(Asked& asked, message::Subscribe& subscribe, Turn& t) {
  const Subscriptions::Key key{asked.session.id, asked.number()};
  if (subscriptions_.contains(key)) {
    refuse(asked.event.session, asked.number(),
           {.code = "bad_request", .message = "this request number is a subscription already"}, t);
    return;
  }
  const bool sees_all = asked.session.standing == Standing::admin;
  if (!sees_all && subscribe.owner && *subscribe.owner != asked.uid()) {
    refuse(asked.event.session, asked.number(),
           {.code = "not_permitted",
            .message = "only an administrator may watch the jobs of user " +
                       std::to_string(*subscribe.owner) + ", and user " + std::to_string(asked.uid()) +
                       " is none (section [access], key admins, says who is)"},
           t);
    return;
  }
  if (auto refused = accounts_.check(asked.uid(), Quantity::subscriptions)) {
    refuse(asked.event.session, asked.number(), std::move(*refused), t);
    return;
  }
  const auto owner = sees_all ? subscribe.owner : std::optional(asked.uid());
  subscriptions_.add(key, std::move(subscribe), {asked.uid(), owner});
  reply(asked.event.session, asked.number(), message::Events{}, false, t);
}

void Scheduler::on(Asked& asked, message::Unsubscribe& unsubscribe, Turn& t) {
  const Subscriptions::Key key{asked.session.id, unsubscribe.subscription};
  if (!subscriptions_.contains(key)) return;  // it was refused, or of an earlier connection
  subscriptions_.remove(key);
  // Behind what waits for the disk.
  reply(asked.event.session, unsubscribe.subscription, message::Events{.last = true}, true, t);
}

JobEvent Scheduler::event_of(EventKind kind, const Job& job, Now now) {
  JobEvent event;
  event.kind = kind;
  event.at = now.wall;
  event.id = job.id;
  event.function = job.function->name;
  event.queue = job.lane->queue->name;
  if (job.name != nullptr) event.name = job.name->name;
  event.owner = job.owner;
  event.attempt = job.attempts;
  if (!job.detail) return event;
  if (kind == EventKind::progress) {
    event.progress = job.story().progress;
    event.progress_message = job.story().progress_message;
  }
  if (kind == EventKind::failed || kind == EventKind::retried) event.failure = job.story().failure;
  if (kind == EventKind::cancelled) event.reason = job.story().reason;
  return event;
}

void Scheduler::tell_event(EventKind kind, Job& job, Turn& t) {
  JobEvent event = event_of(kind, job, t.now);
  event.failure.output.clear();
  event.failure.backtrace.clear();
  event.failure.message = std::string(beginning_of(event.failure.message, kMostShortText));
  const bool told = subscriptions_.publish(event);
  // It is on disk when somebody hears that it is accepted: it cannot wait for its end.
  if (told && kind == EventKind::accepted) write(job, t);
}

/// Of a job that is about to be one of the backlog.
void Scheduler::tell_accepted_on_disk(const Asked& asked, const message::Submit& submit, Turn& t) {
  JobEvent event;
  event.kind = EventKind::accepted;
  event.at = t.now.wall;
  event.id = submit.id;
  event.function = submit.function;
  event.queue = submit.options.queue();
  event.owner = asked.uid();
  subscriptions_.publish(event);
}

void Scheduler::tell_events(Turn& t) {
  if (!subscriptions_.due()) return;
  for (Subscriptions::Outgoing& out : subscriptions_.take()) {
    reply(out.to.first, out.to.second, std::move(out.events), true, t);
  }
}

}  // namespace promised
