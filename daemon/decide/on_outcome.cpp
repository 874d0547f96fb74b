// SPDX-License-Identifier: Apache-2.0
// The commands that follow outcomes (SEMANTICS C9), as the configuration has them. Each run is a job like any
// other, of the function exec and the daemon's own user, which is written in one batch with the outcome that
// it follows: a kill of the daemon loses both or neither, and nobody is told of the outcome before. What it
// is to know of the outcome it reads from stdin, where no list of processes shows it. No command follows the
// outcome of a command.
#include <string>
#include <utility>

#include "common/event_json.hpp"
#include "common/printable.hpp"
#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

constexpr const char* kExec = "exec";

/// For scripts that read no JSON. A variable has no zero byte, and these have no control characters at all.
std::map<std::string, std::string> variables_of(const JobEvent& outcome) {
  return {
      {"PROMISED_EVENT", std::string(to_string(outcome.kind))},
      {"PROMISED_JOB", outcome.id.text()},
      {"PROMISED_FUNCTION", printable(outcome.function)},
      {"PROMISED_QUEUE", printable(outcome.queue)},
      {"PROMISED_NAME", printable(outcome.name)},
      {"PROMISED_OWNER", std::to_string(outcome.owner)},
      {"PROMISED_CAUSE",
       outcome.failure.cause == Cause::none ? std::string() : std::string(to_string(outcome.failure.cause))}};
}

}  // namespace

/// Called when the job has ended, and before anybody is told.
void Scheduler::follow_outcome(Job& job, Turn& t) {
  if (job.detail && job.detail->command) {
    const std::string& name = *job.detail->command;
    if (job.state == State::succeeded) {
      commands_.succeeded(name);
      return;
    }
    std::string why = job.state == State::failed ? job.story().failure.message : job.story().reason;
    if (why.empty()) why = to_string(job.state);
    t.plan.effects.emplace_back(
        effect::Log{effect::Log::Level::warning, "command " + name + ": job " + job.id.text() + ": " + why});
    commands_.failed(name, std::move(why));
    return;
  }
  if (!commands_.any()) return;
  if (ended_in_recovery_) {
    ended_in_recovery_->push_back(job.id);
    return;
  }
  const auto following = commands_.following(job.state, job.function->name, job.lane->queue->name);
  if (following.empty()) return;
  write(job, t);  // where it is durable: its end goes with what follows it
  job.more().has_command = true;
  job.batch = next_batch();
  const JobEvent outcome = event_of(outcome_event(job.state), job, t.now);
  for (const CommandSettings* command : following) run_command(*command, outcome, t);
}

/// What has ended while the store was read.
void Scheduler::follow_recovered(Turn& t) {
  const std::vector<JobId> ended = std::exchange(ended_in_recovery_, {}).value_or(std::vector<JobId>());
  for (const JobId& id : ended) {
    if (Job* job = jobs_.find(id); job != nullptr) follow_outcome(*job, t);
  }
}

void Scheduler::run_command(const CommandSettings& command, const JobEvent& outcome, Turn& t) {
  Payload arguments =
      around_.exec_arguments(command.words, variables_of(outcome), event_json(outcome) + '\n');
  auto refused = accounts_.check(self_, Quantity::jobs);
  if (!refused) refused = accounts_.check(self_, Quantity::bytes, arguments.size());
  if (refused) {
    not_run(command, outcome, refused->message, t);
    return;
  }
  ++accepted_;
  message::Submit submit{around_.new_id(), kExec, {}};
  submit.options.queue(command.queue).run_timeout(command.run_timeout);
  Lane& place = lane(command.queue, function(kExec), {});
  const WallTime submitted = next_submitted(t.now);
  if (goes_to_backlog(submit, place, t.now)) {
    accounts_.job_made(self_, State::pending);
    backlog_ids_.insert(submit.id);
    handed_over_ += arguments.size();
    lanes_.add_backlog(place, submit.options.priority(), submitted);
    change::InsertJob insert{submit.id, self_, kExec, std::move(submit.options), std::move(arguments),
                             submitted, true};
    insert.command = command.name;
    t.plan.changes.emplace_back(std::move(insert));
    return;
  }
  Job& job = make_job(submit.id, self_, kExec, command.queue, {});
  job.submitted = submitted;
  job.arguments_size = static_cast<std::uint32_t>(arguments.size());
  job.arguments = std::move(arguments);
  job.queued = t.now.steady;
  adopt_options(job, submit.options);
  job.more().command = std::make_unique<const std::string>(command.name);
  accounts_.add(self_, Quantity::bytes, job.arguments.size());
  write(job, t);
  enqueue(job, t);
  happened(EventKind::accepted, job, t);
}

void Scheduler::not_run(const CommandSettings& command, const JobEvent& outcome, const std::string& why,
                        Turn& t) {
  commands_.not_run(command.name, why);
  t.plan.effects.emplace_back(effect::Log{
      effect::Log::Level::warning, "command " + command.name + " was not run for job " + outcome.id.text() +
                                       " (" + std::string(to_string(outcome.kind)) + "): " + why});
}

}  // namespace promised
