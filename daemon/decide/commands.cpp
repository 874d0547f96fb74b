// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/commands.hpp"

#include <algorithm>
#include <utility>

#include "common/glob.hpp"

namespace promised {
namespace {

bool follows(const CommandSettings& command, State outcome, std::string_view function,
             std::string_view queue) {
  const auto has = [](const auto& list, const auto& wanted) {
    return std::find(list.begin(), list.end(), wanted) != list.end();
  };
  const auto fits = [&](const std::string& glob) { return glob_matches(glob, function); };
  if (!has(command.outcomes, outcome)) return false;
  if (!command.queues.empty() && !has(command.queues, queue)) return false;
  const auto& globs = command.functions;
  return globs.empty() || std::any_of(globs.begin(), globs.end(), fits);
}

std::string times(std::uint64_t count) {
  return count == 1 ? std::string() : " " + std::to_string(count) + " times";
}

}  // namespace

std::vector<const CommandSettings*> Commands::following(State outcome, std::string_view function,
                                                        std::string_view queue) const {
  std::vector<const CommandSettings*> found;
  for (const CommandSettings& command : configured_) {
    if (follows(command, outcome, function, queue)) found.push_back(&command);
  }
  return found;
}

void Commands::failed(const std::string& name, std::string why) {
  Failing& state = states_[name];
  ++state.failed;
  state.last = std::move(why);
}

void Commands::not_run(const std::string& name, std::string why) {
  Failing& state = states_[name];
  ++state.not_run;
  state.last = std::move(why);
}

std::vector<std::string> Commands::problems() const {
  std::vector<std::string> all;
  for (const CommandSettings& command : configured_) {
    const auto found = states_.find(command.name);
    if (found == states_.end()) continue;
    const Failing& state = found->second;
    std::string text = "command " + command.name;
    if (state.failed > 0) text += " has failed" + times(state.failed);
    if (state.failed > 0 && state.not_run > 0) text += ", and";
    if (state.not_run > 0) text += " was not run" + times(state.not_run);
    all.push_back(text + "; the last time: " + state.last);
  }
  return all;
}

}  // namespace promised
