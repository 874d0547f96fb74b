// SPDX-License-Identifier: Apache-2.0
// Administrators steer queues and quotas (SEMANTICS Q2, Q4): what they say is in force at once, and answered
// when it is on disk. What becomes of a queue's jobs then is for lanes to know; what holds, for steering.
#include <algorithm>
#include <string>
#include <utility>

#include "common/nearest.hpp"
#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

std::optional<message::Refused> check_steered_name(const std::string& what, const std::string& name) {
  std::string message;
  if (name.empty() || name.size() > kMostNameBytes)
    message = what + "'s name has 1 to 255 bytes, given " + std::to_string(name.size());
  if (name.find_first_of("\r\n") != std::string::npos) message = what + "'s name has no line break";
  if (message.empty()) return std::nullopt;
  return message::Refused{.code = "bad_request", .message = std::move(message)};
}

/// As glob_matches() understands it.
bool is_pattern(const std::string& name) {
  return name.find_first_of("*?") != std::string::npos;
}

std::optional<message::Refused> check(const QueueChange& change) {
  const auto bad = [](std::string message) {
    return message::Refused{.code = "bad_request", .message = std::move(message)};
  };
  if (change.weight && (*change.weight == 0 || *change.weight > kMostWeight)) {
    return bad("a queue's weight is from 1 to " + std::to_string(kMostWeight) + ", given " +
               std::to_string(*change.weight));
  }
  if (change.rate && change.rate->limits() && change.rate->per <= Millis(0))
    return bad("a rate is a number of jobs in a time above zero, given one in no time");
  return std::nullopt;
}

}  // namespace

/// Whether it may be done now; if not, the request has been refused.
bool Scheduler::may_steer_queues(const Asked& asked, Turn& t) {
  if (!Gate::may_maintain(asked.session.standing)) {
    refuse(asked.event.session, asked.number(),
           {.code = "not_permitted",
            .message = "only an administrator may steer queues and quotas, and user " +
                       std::to_string(asked.uid()) + " is none (section [access], key admins, says who is)"},
           t);
    return false;
  }
  if (!is_stalled()) return true;
  refuse(asked.event.session, asked.number(), too_much_unwritten(), t);
  return false;
}

void Scheduler::on(Asked& asked, message::SteerQueue& steer, Turn& t) {
  if (!may_steer_queues(asked, t)) return;
  auto refused = check_steered_name("a queue", steer.queue);
  if (!refused) refused = check(steer.change);
  // A queue may be called so. But who names one that is not there takes it for a pattern.
  const bool is_there = lanes_.find_queue(steer.queue) != nullptr || steering_.is_named(steer.queue);
  if (!refused && is_pattern(steer.queue) && !is_there) {
    refused = message::Refused{
        .code = "no_queue",
        .message = "there is no queue \"" + steer.queue +
                   "\", and no pattern stands here for the queues that match it: name one queue (promisectl "
                   "queues lists those that a pattern matches)"};
  }
  if (refused) {
    refuse(asked.event.session, asked.number(), std::move(*refused), t);
    return;
  }
  if (!steer.change.empty()) {
    t.plan.changes.emplace_back(change::SteerQueue{steering_.say(steer.queue, steer.change)});
    apply_rule(steer.queue);
    take_back_ready(t);
  }
  if (steer.clear) {
    clear(asked, steer.queue, t);
    return;
  }
  const Queue* queue = lanes_.find_queue(steer.queue);
  reply(asked.event.session, asked.number(), message::Count{queue == nullptr ? 0 : queue->length}, true, t);
}

void Scheduler::on(Asked& asked, message::SteerQuota& steer, Turn& t) {
  if (!may_steer_queues(asked, t)) return;
  auto refused = check_steered_name("a quota", steer.name);
  if (!refused && steer.size > kMostJobs)
    refused = message::Refused{.code = "bad_request",
                               .message = "a quota's size is at most " + std::to_string(kMostJobs) +
                                          ", given " + std::to_string(steer.size)};
  if (!refused && steer.remove && !steering_.quota(steer.name)) refused = no_quota(steer.name);
  if (refused) {
    refuse(asked.event.session, asked.number(), std::move(*refused), t);
    return;
  }
  const message::Count holders{lanes_.quotas().holders(steer.name)};
  const auto said = steer.remove ? std::nullopt : std::optional(steer.size);
  t.plan.changes.emplace_back(change::SteerQuota{steering_.say(steer.name, said)});
  if (const auto size = steering_.quota(steer.name)) {
    lanes_.configure_quota(steer.name, *size);
  } else {
    lanes_.remove_quota(steer.name);
  }
  take_back_ready(t);
  reply(asked.event.session, asked.number(), holders, true, t);
}

message::Refused Scheduler::no_quota(const std::string& name) const {
  std::vector<std::string> known;
  for (const auto& [quota, size] : steering_.quotas()) known.push_back(quota);
  return {.code = "no_quota", .message = "there is no quota \"" + name + "\"" + did_you_mean(name, known)};
}

/// What holds for the queue is in force from now on.
void Scheduler::apply_rule(const std::string& queue) {
  const QueueRule rule = steering_.rule(queue);
  lanes_.configure(queue, {rule.weight, rule.ageing, rule.rate.jobs, rule.rate.per, rule.rate.burst});
  rule.paused ? lanes_.pause(queue) : lanes_.resume(queue);
}

/// The queue is about to be forgotten: where only a glob says how it is served, that does not keep it. What
/// it has spent of its rate does, until that is made good.
void Scheduler::leave_rule(Queue& queue, Turn& t) {
  if (!queue.kept() || steering_.is_named(queue.name)) return;
  if (queue.policy.has_rate() && queue.full_at > t.now.steady) {
    if (!queue.spent) set_timer(queue, queue.full_at);
    return;
  }
  const std::string name = queue.name;
  lanes_.resume(name);
  lanes_.configure(name, {});
}

/// What workers hold ready beside the job that they run must not begin if its queue is paused now, or if more
/// jobs have its quota than it is large now.
void Scheduler::take_back_ready(Turn& t) {
  const auto must_not_begin = [](const WorkerChannel::Slot& slot) {
    const Lane& lane = *slot.job->lane;
    if (lane.queue->paused) return true;
    return lane.caps != nullptr &&
           std::any_of(lane.caps->caps.begin(), lane.caps->caps.end(),
                       [](const Cap* cap) { return cap->quota->running > cap->size(); });
  };
  for (auto& [id, worker] : workers_) {
    const auto& channel = worker->channel;
    if (channel.size() > 1 && std::any_of(channel.begin() + 1, channel.end(), must_not_begin))
      revoke(*worker, t);
  }
}

void Scheduler::apply_quotas() {
  const std::map<std::string, std::uint64_t> wanted = steering_.quotas();
  std::vector<std::string> gone;
  for (const auto& [name, quota] : lanes_.quotas().configured()) {
    if (!wanted.contains(name)) gone.push_back(name);
  }
  for (const std::string& name : gone) lanes_.remove_quota(name);
  for (const auto& [name, size] : wanted) lanes_.configure_quota(name, size);
}

/// The configuration, or what is remembered from before, is as it is from now on.
void Scheduler::apply_steering(Turn& t) {
  Steering::Changed changed = steering_.configure();
  for (SteeredQueue& queue : changed.queues)
    t.plan.changes.emplace_back(change::SteerQueue{std::move(queue)});
  for (SteeredQuota& quota : changed.quotas)
    t.plan.changes.emplace_back(change::SteerQuota{std::move(quota)});
  std::vector<std::string> queues = steering_.named_queues();
  for (const auto& [name, queue] : lanes_.queues()) queues.emplace_back(name);
  for (const std::string& queue : queues) apply_rule(queue);
  apply_quotas();
  take_back_ready(t);
}

/// `before`: jobs that come into the queue before this one, with the same request.
std::optional<message::Refused> Scheduler::check_queue(const Options& options, std::uint64_t before) const {
  const QueueRule rule = steering_.rule(options.queue());
  if (rule.draining) {
    return message::Refused{.code = "draining",
                            .message = "queue \"" + options.queue() +
                                       "\" is draining: it takes no more jobs until an administrator resumes "
                                       "it (promisectl resume)"};
  }
  if (rule.max_length == 0) return std::nullopt;
  const Queue* queue = lanes_.find_queue(options.queue());
  if ((queue == nullptr ? 0 : queue->length) + before < rule.max_length) return std::nullopt;
  return message::Refused{.code = "queue_full",
                          .message = "queue \"" + options.queue() + "\" is full: max_length (" +
                                     std::to_string(rule.max_length) +
                                     ") jobs wait in it; wait until it has run some, or raise it in section "
                                     "[queue." +
                                     options.queue() + "]"};
}

}  // namespace promised
