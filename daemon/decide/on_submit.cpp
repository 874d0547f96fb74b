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
constexpr std::size_t kMostNameBytes = 255;  // of functions and queues

std::string limit_text(const char* name, std::uint64_t most, const char* what) {
  return std::string(name) + " (" + std::to_string(most) + ") is reached: " + what +
         "; wait until some have ended, or raise it in section [limits]";
}

}  // namespace

void Scheduler::on(Asked& asked, message::Submit& submit, Turn& t) {
  if (Job* job = jobs_.find(submit.id); job != nullptr) {
    resubmit(asked, *job, t);
    return;
  }
  if (auto refused = check_submit(asked, submit)) {
    refuse(asked.event.session, asked.number(), std::move(*refused), t);
    return;
  }
  const auto known = functions_.find(submit.function);
  if (known == functions_.end() || known->second->offered_by.empty()) {
    if (settled()) {
      refuse(asked.event.session, asked.number(), no_function(submit.function), t);
    } else {
      held_.push_back(std::move(asked.event));
    }
    return;
  }
  accept(asked, submit, t);
}

/// SEMANTICS S2: a submission repeated after a reconnect or a lost reply is the same job.
void Scheduler::resubmit(Asked& asked, Job& job, Turn& t) {
  if (!Gate::may_touch(asked.session.standing, asked.uid(), job.owner)) {
    refuse(asked.event.session, asked.number(),
           {.code = "bad_request", .message = "job id " + job.id.text() + " is taken; make a new UUIDv7"}, t);
    return;
  }
  job.submitter = asked.event.session;
  job.submitter_tag = asked.session.tag();
  job.number = asked.number();
  if (job.ended()) {
    clear_timer(job);
    if (job.name != nullptr) keep_or_release(job, t);
    deliver(job, t);
  } else {
    tell_accepted(asked.session, asked.number(), job, t);
  }
}

std::optional<message::Refused> Scheduler::check_submit(const Asked& asked,
                                                        const message::Submit& submit) const {
  const auto bad = [](std::string message) {
    return message::Refused{.code = "bad_request", .message = std::move(message)};
  };
  const auto limit = [](std::string message) {
    return message::Refused{.code = "limit", .message = std::move(message)};
  };
  const Limits& limits = settings_.limits;
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
  if (!options.name().empty()) {
    if (auto refused = check_name(options.name(), options.lifespan())) return refused;
  }
  if (jobs_.size() + held_.size() >= limits.max_jobs) {
    return limit(limit_text("max_jobs", limits.max_jobs, "so many jobs are waiting, running or kept"));
  }
  const auto own = jobs_of_owner_.find(asked.uid());
  if (own != jobs_of_owner_.end() && own->second >= limits.max_jobs_per_owner) {
    return limit(
        limit_text("max_jobs_per_owner", limits.max_jobs_per_owner, "your jobs waiting, running or kept"));
  }
  if (bytes_ + asked.event.payload.size() > limits.max_bytes) {
    return limit(limit_text("max_bytes", limits.max_bytes, "bytes of arguments and results in memory"));
  }
  if (lanes_.queues().size() >= limits.max_queues && lanes_.find_queue(options.queue()) == nullptr) {
    return limit(limit_text("max_queues", limits.max_queues, "queues"));
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
  for (const Pool& pool : pools_) {
    if (pool.offer == nullptr && pool.phase == Pool::Phase::failing) {
      message += " (pool " + pool.settings->name + " is failing: " + pool.reason + ")";
    }
  }
  return {.code = "no_function", .message = std::move(message)};
}

void Scheduler::accept(Asked& asked, message::Submit& submit, Turn& t) {
  const Options& options = submit.options;
  std::string name = options.name();
  if (!name.empty()) {
    switch (settle_name(asked, name, options.duplicate(), nullptr, t)) {
      case NameAnswer::answered:
        return;
      case NameAnswer::go_unnamed:
        name.clear();
        break;
      case NameAnswer::take:
        break;
    }
  }
  Job& job = jobs_.make(submit.id);
  ++by_state_[static_cast<std::size_t>(job.state)];
  ++jobs_of_owner_[asked.uid()];
  ++accepted_;
  job.owner = asked.uid();
  job.function = &function(submit.function);
  job.lane = &lane(options.queue(), *job.function);
  job.priority = static_cast<std::int8_t>(options.priority());
  job.durability = options.durability();
  job.at_most_once = options.at_most_once();
  if (options.timeout() > Millis(0)) job.more().timeout = options.timeout();
  if (options.run_timeout() > Millis(0)) job.more().run_timeout = options.run_timeout();
  job.arguments = std::move(asked.event.payload);
  job.arguments_size = static_cast<std::uint32_t>(job.arguments.size());
  bytes_ += job.arguments.size();
  job.submitter = asked.event.session;
  job.submitter_tag = asked.session.tag();
  job.number = asked.number();
  job.submitted = next_submitted(t.now);
  job.sequence = next_sequence_++;
  if (job.durable()) {
    t.plan.changes.emplace_back(change::InsertJob{job.id, job.owner, job.function->name,
                                                  std::move(submit.options), job.arguments, job.submitted});
  }
  if (!name.empty()) give_name(job, name, options.lifespan(), t);
  enqueue(job, t);
  tell_accepted(asked.session, asked.number(), job, t);
}

/// No two jobs have the same moment, though a turn has one: the store keeps the order of submission by it.
WallTime Scheduler::next_submitted(Now now) {
  last_submitted_ = std::max(now.wall, last_submitted_ + std::chrono::microseconds(1));
  return last_submitted_;
}

void Scheduler::tell_accepted(Session& session, std::uint64_t number, const Job& job, Turn& t) {
  if (session.accepted.empty() && session.accepted_durable.empty()) to_tell_.push_back(session.id);
  if (job.durable()) {
    session.accepted_durable.push_back(number);
  } else {
    session.accepted.emplace_back(number, job.id);
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

/// A pool has told what it offers, or that it cannot: look again at those who waited for that.
void Scheduler::retry_held(Turn& t) {
  for (auto& held : std::exchange(held_, {})) {
    if (sessions_.find(held.session) != nullptr) on(std::move(held), t);
  }
}

/// Whether the request is about a job whose submission is held: it waits behind it.
bool Scheduler::follows_held(const event::Requested& e) const {
  if (held_.empty()) return false;
  const auto same = [&](const JobId& id, const std::string& name) {
    return std::any_of(held_.begin(), held_.end(), [&](const event::Requested& held) {
      const auto* submit = std::get_if<message::Submit>(&held.request.body);
      if (submit == nullptr || held.who.uid != e.who.uid) return false;
      return name.empty() ? submit->id == id : submit->options.name() == name;
    });
  };
  return std::visit(
      [&](const auto& body) {
        using Body = std::remove_cvref_t<decltype(body)>;
        if constexpr (requires { body.key; }) {
          return same(body.key.id, body.key.name);
        } else if constexpr (std::is_same_v<Body, message::Remember> ||
                             std::is_same_v<Body, message::Adjust> || std::is_same_v<Body, message::Submit>) {
          return same(body.id, {});
        } else {
          return false;
        }
      },
      e.request.body);
}

}  // namespace promised
