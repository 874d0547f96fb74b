// SPDX-License-Identifier: Apache-2.0
// A call becomes a job, or is refused before it costs anything.
#include <algorithm>
#include <utility>

#include "common/nearest.hpp"
#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// How long the acceptance of memory jobs may wait to be told together; an outcome tells it too.
constexpr std::chrono::milliseconds kTellAccepted{1};

/// Of one job.
constexpr std::size_t kMostQuotas = 8;

}  // namespace

message::Refused Scheduler::id_taken(const JobId& id) {
  return {.code = "bad_request", .message = "job id " + id.text() + " is taken; make a new UUIDv7"};
}

void Scheduler::on(Asked& asked, message::Submit& submit, Turn& t) {
  if (is_known(asked, submit.id, t)) return;
  auto refused = check_call(asked, submit);
  if (!refused) {
    refused = check_room(asked, submit.options);
    if (!refused) refused = check_queue(submit.options);
    // What joins an equal job takes no room, and no place in the queue.
    if (refused && std::as_const(submit.options).unique() && find_equal(asked, submit) != nullptr)
      refused.reset();
  }
  if (refused) {
    refuse(asked.event.session, asked.number(), std::move(*refused), t);
    return;
  }
  if (is_offered(asked, submit.function, submit.options.queue(), t)) accept(asked, submit, t);
}

/// Whether the id is a job's, or was one's: then the request has been answered.
bool Scheduler::is_known(Asked& asked, const JobId& id, Turn& t) {
  if (Job* job = jobs_.find(id); job != nullptr) {
    resubmit(asked, *job, t);
    return true;
  }
  if (backlog_ids_.contains(id)) {
    // A submission of it would have been held until it has been read: what asks so is no resubmission.
    refuse(asked.event.session, asked.number(), id_taken(id), t);
    return true;
  }
  const Graves::Grave* grave = graves_.find(id);
  if (grave == nullptr) return false;
  // Known once, and gone: it does not run a second time.
  const bool own = Gate::may_touch(asked.session.standing, asked.uid(), grave->owner);
  refuse(asked.event.session, asked.number(), own ? lapsed(id) : id_taken(id), t);
  return true;
}

/// Whether somebody offers the function, or its queue holds such calls; if not, the request is refused, or
/// held until that is known.
bool Scheduler::is_offered(Asked& asked, const std::string& name, const std::string& queue, Turn& t) {
  if (steering_.rule(queue).hold) return true;
  const auto known = functions_.find(name);
  if (known != functions_.end() && !known->second->offered_by.empty()) return true;
  if (settled()) {
    refuse(asked.event.session, asked.number(), no_function(name), t);
  } else {
    hold(asked, t);
  }
  return false;
}

/// SEMANTICS S2: a submission repeated after a reconnect or a lost reply is the same job.
void Scheduler::resubmit(Asked& asked, Job& job, Turn& t) {
  if (!Gate::may_touch(asked.session.standing, asked.uid(), job.owner)) {
    refuse(asked.event.session, asked.number(), id_taken(job.id), t);
    return;
  }
  // Who only asks again what is still to be told is told once.
  const bool is_coming =
      job.written && !is_on_disk(job) && job.submitter == asked.event.session && job.number == asked.number();
  job.submitter = asked.event.session;
  job.submitter_tag = asked.session.tag();
  job.number = asked.number();
  if (job.ended()) {
    clear_timer(job);
    if (job.name != nullptr) keep_or_release(job, t);
    deliver(job, t);
  } else if ((!job.durable() || job.written) && !is_coming) {
    tell_accepted(asked.session, asked.number(), job.id, job.durability, t);
  }
}

std::optional<message::Refused> Scheduler::check_submit(const Asked& asked, const message::Submit& submit) {
  if (auto refused = check_call(asked, submit)) return refused;
  return check_room(asked, submit.options);
}

/// Whether it could be a job at all, and this user's.
std::optional<message::Refused> Scheduler::check_call(const Asked& asked, const message::Submit& submit) {
  const auto bad = [](std::string message) {
    return message::Refused{.code = "bad_request", .message = std::move(message)};
  };
  const Options& options = submit.options;
  if (draining_)
    return message::Refused{.code = "stopping", .message = "the daemon is stopping and accepts no more jobs"};
  if (submit.id.empty()) return bad("the job id is empty: expected a UUIDv7");
  if (submit.function.empty() || submit.function.size() > kMostNameBytes) {
    return bad("a function's name has 1 to 255 bytes, given " + std::to_string(submit.function.size()));
  }
  if (options.queue().empty() || options.queue().size() > kMostNameBytes) {
    return bad("a queue's name has 1 to 255 bytes, given " + std::to_string(options.queue().size()));
  }
  if (options.priority() < -100 || options.priority() > 100) {
    return bad("a priority is from -100 to 100, given " + std::to_string(options.priority()));
  }
  if (options.at_most_once() && options.retry_on() != Retry::nothing) {
    return bad(
        "at_most_once and retry_on exclude each other: a job that runs at most once is not tried again");
  }
  if (auto refused = check_quotas(options.quotas())) return refused;
  if (options.at_most_once() && options.retries() > 0) {
    return bad(
        "at_most_once and retries exclude each other: a job that runs at most once is not tried again");
  }
  if (!options.name().empty()) {
    return check_name(asked, asked.uid(), options.name(), options.lifespan());
  }
  return std::nullopt;
}

/// Whether there is room for one more such job.
std::optional<message::Refused> Scheduler::check_room(const Asked& asked, const Options& options) const {
  if (options.durability() == Durability::durable) {
    if (auto refused = check_disk(asked.event.payload.size())) return refused;
  }
  if (auto refused = accounts_.check(asked.uid(), Quantity::jobs)) return refused;
  if (auto refused = accounts_.check(asked.uid(), Quantity::bytes, asked.event.payload.size()))
    return refused;
  const Queue* queue = lanes_.find_queue(options.queue());
  return check_new_queues(queue == nullptr || queue->jobs == 0 ? 1 : 0);
}

/// Whether so many queues more may have jobs.
std::optional<message::Refused> Scheduler::check_new_queues(std::uint64_t count) const {
  const std::uint64_t most = settings_.limits.max_queues;
  const std::uint64_t busy = lanes_.busy_queues();
  if (count == 0 || (busy < most && count <= most - busy)) return std::nullopt;
  const std::string so_many = count == 1 ? ") is reached: so many queues have jobs"
                                         : ") would be passed: " + std::to_string(busy) +
                                               " have jobs, and this would give jobs to " +
                                               std::to_string(count) + " more";
  return message::Refused{.code = "limit",
                          .message = "max_queues (" + std::to_string(most) + so_many +
                                     "; use one of them, wait until one is empty, or raise it in section "
                                     "[limits]"};
}

std::optional<message::Refused> Scheduler::check_quotas(const std::vector<QuotaUse>& quotas) const {
  const auto bad = [](std::string message) {
    return message::Refused{.code = "bad_request", .message = std::move(message)};
  };
  if (quotas.size() > kMostQuotas) {
    return bad("a job has up to " + std::to_string(kMostQuotas) + " quotas and keys, given " +
               std::to_string(quotas.size()));
  }
  for (const auto& [name, most] : quotas) {
    const std::string what = most == 0 ? "a quota's name" : "a quota's key";
    if (name.empty() || name.size() > kMostNameBytes) {
      return bad(what + " has 1 to 255 bytes, given " + std::to_string(name.size()));
    }
    if (name.find_first_of("\r\n") != std::string::npos) return bad(what + " has no line break");
    if (most != 0 || lanes_.quotas().is_configured(name)) continue;
    std::vector<std::string> configured;
    for (const auto& [known, quota] : lanes_.quotas().configured()) configured.push_back(known);
    std::string message = "there is no quota \"" + name + "\"" + did_you_mean(name, configured);
    if (configured.empty()) message += " (no quota is configured)";
    return message::Refused{.code = "no_quota", .message = std::move(message)};
  }
  return std::nullopt;
}

message::Refused Scheduler::no_function(const std::string& name) const {
  std::vector<std::string> offered;
  for (const auto& [known, function] : functions_) {
    if (!function->offered_by.empty()) offered.push_back(known);
  }
  std::string message = "no pool offers the function \"" + name + "\"" + did_you_mean(name, offered);
  if (pools_.empty()) message += " (no pool is configured)";
  const auto is_it = [&](const FunctionView& function) { return function.name == name; };
  for (const Pool& pool : pools_) {
    const std::string& of = pool.settings->name;
    if (pool.offer == nullptr && pool.phase == Pool::Phase::failing) {
      message += " (pool " + of + " is failing: " + pool.reason + ")";
    } else if (pool.offer != nullptr && !pool.settings->offers(name) &&
               std::any_of(pool.offer->registered.begin(), pool.offer->registered.end(), is_it)) {
      message += " (the program of pool " + of + " has it, but functions in [pool." + of +
                 "] does not let it through)";
    }
  }
  return {.code = "no_function", .message = std::move(message)};
}

/// The name that the new job is to have, empty if none; nothing: the request has been answered.
std::optional<std::string> Scheduler::name_for(Asked& asked, const Options& options, const Job* but_not,
                                               Turn& t) {
  if (options.name().empty()) return std::string();
  switch (settle_name(asked, options.name(), options.duplicate(), but_not, t)) {
    case NameAnswer::answered:
      return std::nullopt;
    case NameAnswer::go_unnamed:
      return std::string();
    case NameAnswer::take:
      break;
  }
  return options.name();
}

void Scheduler::accept(Asked& asked, message::Submit& submit, Turn& t) {
  const Options& options = submit.options;
  Job* equal = options.unique() ? find_equal(asked, submit) : nullptr;
  std::string name;
  if (equal == nullptr || equal->name == nullptr) {
    std::optional<std::string> settled_name = name_for(asked, options, equal, t);
    if (!settled_name) return;
    name = *std::move(settled_name);
  }
  if (equal != nullptr) {
    join(asked, submit, name, *equal, t);
    return;
  }
  ++accepted_;
  if (Lane& place =
          lane(options.queue(), function(submit.function), quota_text(options.quotas(), asked.uid()));
      goes_to_backlog(submit, place, t.now)) {
    if (name.empty() && !has_to_be_known(options)) {
      if (subscriptions_.want(EventKind::accepted)) tell_accepted_on_disk(asked, submit, t);
      put_in_backlog(asked, submit, place, t);
    } else {
      Job& job = put_known_in_backlog(asked, submit, place, t);
      if (!name.empty()) give_name(job, name, options.lifespan(), t);
      happened(EventKind::accepted, job, t);
    }
    return;
  }
  Job& job = make_job(asked, submit, t);
  job.arguments = std::move(asked.event.payload);
  accounts_.add(job.owner, Quantity::bytes, job.arguments.size());
  if (options.unique()) hold_unique(job);
  if (options.abandon() == Abandon::cancel)
    tie(job, asked.session.tag(), options.abandon_grace().value_or(Millis(0)));
  if (!name.empty()) give_name(job, name, options.lifespan(), t);
  admit(job, t);
  if (job.durable() && job.state == State::scheduled) {
    write(job, t);
  } else if (job.durable()) {
    write_soon(job, asked.session, t);
  } else {
    tell_accepted(asked.session, asked.number(), job.id, job.durability, t);
  }
  happened(EventKind::accepted, job, t);
}

/// All of it but its arguments.
Job& Scheduler::make_job(const Asked& asked, const message::Submit& submit, Turn& t) {
  const Options& options = submit.options;
  Job& job = make_job(submit.id, asked.uid(), submit.function, options.queue(),
                      quota_text(options.quotas(), asked.uid()));
  job.durability = options.durability();
  job.arguments_size = static_cast<std::uint32_t>(asked.event.payload.size());
  job.submitter = asked.event.session;
  job.submitter_tag = asked.session.tag();
  job.number = asked.number();
  job.submitted = next_submitted(t.now);
  job.queued = t.now.steady;
  adopt_options(job, options);
  return job;
}

/// No two jobs have the same moment, though a turn has one: the store keeps the order of submission by it.
WallTime Scheduler::next_submitted(Now now) {
  last_submitted_ = std::max(now.wall, last_submitted_ + std::chrono::microseconds(1));
  return last_submitted_;
}

void Scheduler::tell_accepted(Session& session, std::uint64_t number, const JobId& id, Durability durability,
                              Turn& t) {
  if (session.accepted.empty() && session.accepted_durable.empty()) to_tell_.push_back(session.id);
  if (durability == Durability::durable) {
    session.accepted_durable.push_back(number);
  } else {
    session.accepted.emplace_back(number, id);
    if (!tell_memory_at_) tell_memory_at_ = t.now.steady + kTellAccepted;
  }
}

void Scheduler::flush_accepted(Turn& t) {
  const bool memory_due = tell_memory_at_ && *tell_memory_at_ <= t.now.steady;
  std::erase_if(to_tell_, [&](SessionId id) {
    Session* session = sessions_.find(id);
    if (session == nullptr) return true;
    if (!session->accepted_durable.empty()) {
      reply(id, 0, message::Accepted{std::exchange(session->accepted_durable, {})}, true, t);
    }
    if (memory_due && !session->accepted.empty()) {
      message::Accepted accepted;
      for (const auto& [number, job_id] : std::exchange(session->accepted, {})) {
        const Job* job = jobs_.find(job_id);
        if (job != nullptr && !job->ended()) accepted.numbers.push_back(number);
      }
      if (!accepted.numbers.empty()) reply(id, 0, std::move(accepted), false, t);
    }
    return session->accepted.empty();
  });
  if (memory_due) tell_memory_at_.reset();
}

void Scheduler::hold(Asked& asked, Turn& t) {
  if (count_held(asked, t)) held_.add(std::move(asked.event));
}

std::optional<message::Refused> Scheduler::check_held(const Asked& asked) const {
  if (auto refused = accounts_.check(asked.uid(), Quantity::jobs)) return refused;
  return accounts_.check(asked.uid(), Quantity::bytes, asked.event.payload.size());
}

bool Scheduler::count_held(Asked& asked, Turn& t) {
  if (auto refused = check_held(asked)) {
    refuse(asked.event.session, asked.number(), std::move(*refused), t);
    return false;
  }
  accounts_.add(asked.uid(), Quantity::jobs);
  accounts_.add(asked.uid(), Quantity::bytes, asked.event.payload.size());
  return true;
}

void Scheduler::release_held(const std::vector<event::Requested>& held) {
  for (const auto& request : held) {
    accounts_.subtract(request.who.uid, Quantity::bytes, request.payload.size());
    accounts_.subtract(request.who.uid, Quantity::jobs);
  }
}

/// A pool has told what it offers, or that it cannot: look again at those who waited for that.
void Scheduler::retry_held(Turn& t) {
  std::vector<event::Requested> held = held_.take();
  release_held(held);
  for (auto& request : held) on(std::move(request), t);
}

}  // namespace promised
