// SPDX-License-Identifier: Apache-2.0
// The commands that follow outcomes (SEMANTICS C9): each such outcome makes one job, in the batch that has
// the outcome, so that a kill of the daemon loses both or neither.
#include <algorithm>
#include <sstream>
#include <utility>

#include "tests/unit/decide/property/world.hpp"

namespace promised::test {
namespace {

using namespace std::chrono_literals;

/// Their numbers are no step's.
constexpr std::uint32_t kCommands = 1U << 28U;

bool has(const std::vector<std::string>& all, const std::string& one) {
  return all.empty() || std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

Payload exec_arguments_as_text(const std::vector<std::string>& words,
                               const std::map<std::string, std::string>& variables, const std::string&) {
  return Payload(words.at(0) + " " + variables.at("PROMISED_JOB") + " " + variables.at("PROMISED_EVENT"));
}

void World::have_commands(Dice& dice) {
  CommandSettings mail;
  mail.name = "mail";
  mail.words = {mail.name};
  mail.outcomes = {State::failed, State::cancelled, State::expired};
  CommandSettings tell;
  tell.name = "tell";
  tell.words = {tell.name};
  tell.outcomes = {State::succeeded, State::failed};
  tell.functions = {"f"};
  tell.queues = {"default", "q1"};
  tell.queue = "q2";
  settings_.commands = {std::move(tell)};
  if (dice.below(2) == 0) settings_.commands.push_back(std::move(mail));
}

bool World::follows(const CommandSettings& command, const Entry& of, State outcome) {
  return !of.command &&
         std::find(command.outcomes.begin(), command.outcomes.end(), outcome) != command.outcomes.end() &&
         has(command.functions, of.function) && has(command.queues, std::as_const(of.options).queue());
}

/// A job of the daemon's own. Returns the one that it follows.
JobId World::add_command(const change::InsertJob& insert) {
  std::istringstream words(std::string(insert.arguments.view()));
  std::string name, of, event;
  words >> name >> of >> event;
  const std::optional<JobId> parent = JobId::parse(of);
  if (name != insert.command || !parent || insert.owner != kDaemon)
    throw Violation("the command " + insert.command + " is made as \"" + words.str() + "\"");
  Entry& made = entries_[kCommands + ++commands_made_];
  made.number = kCommands + commands_made_;
  made.id = insert.id;
  made.function = insert.function;
  made.options = insert.options;
  made.arguments = words.str();
  made.made = now_.wall;
  made.part = made.command = true;
  numbers_[made.id] = made.number;
  return *parent;
}

/// A daemon has been killed: what was not on disk has not happened. Of what could not be made that is not
/// known.
void World::lose_commands() {
  std::erase_if(commands_, [&](const auto& run) {
    return !run.second.last.empty() && !store_.has_had(run.second.last);
  });
  for (auto& [run, runs] : commands_) runs.made = runs.last.empty() ? 0 : runs.made;
}

void World::take_commands(const Plan& plan) {
  if (settings_.commands.empty()) return;
  std::map<Run, std::int64_t> balance;  // ends that a command follows, less those that it has followed
  for (const Change& change : plan.changes) {
    if (const auto* end = std::get_if<change::EndJob>(&change)) {
      for (const CommandSettings& command : settings_.commands) {
        if (follows(command, entry(end->id), end->state)) ++balance[{end->id, command.name}];
      }
    } else if (const auto* insert = std::get_if<change::InsertJob>(&change);
               insert != nullptr && !insert->command.empty()) {
      const Run run{add_command(*insert), insert->command};
      --balance[run];
      Runs& runs = commands_[run];
      runs.last = insert->id;
      ++runs.made;
    }
  }
  for (const Effect& effect : plan.effects) {
    const auto* log = std::get_if<effect::Log>(&effect);
    if (log == nullptr || log->text.find(" was not run for job ") == std::string::npos) continue;
    std::istringstream words(log->text);
    std::string word, name, of;
    words >> word >> name >> word >> word >> word >> word >> word >> of;
    const Run run{JobId::parse(of).value_or(JobId()), name};
    --balance[run];
    commands_[run].last = JobId();
    ++commands_[run].made;
  }
  for (const auto& [run, count] : balance) {
    const Entry& of = entry(run.first);
    const std::string what = "command " + run.second + " of job " + of.id.text();
    if (of.command) throw Violation(what + ", which is a command itself");
    // Of a job in memory no end is written.
    if (count > 0) throw Violation(what + " is not made with its end");
    if (of.durable() && count < 0) throw Violation(what + " is made, and that has not ended so");
    const bool may_end_again = of.retried || of.may_be_lost || of.may_run_again;
    if (commands_[run].made > 1 && !may_end_again) throw Violation(what + " is made twice");
  }
}

/// Its client is told that it has ended so.
void World::check_commands(const Entry& of, State outcome) const {
  for (const CommandSettings& command : settings_.commands) {
    if (!follows(command, of, outcome)) continue;
    const auto runs = commands_.find({of.id, command.name});
    const std::string what = "command " + command.name + " of job " + of.id.text();
    if (runs == commands_.end()) throw Violation(what + " is not made");
    if (!runs->second.last.empty() && !store_.has_had(runs->second.last))
      throw Violation(what + " is not on disk, and the end is told");
  }
}

}  // namespace promised::test
