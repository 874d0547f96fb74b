// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/commands.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "common/nearest.hpp"
#include "common/units.hpp"
#include "daemon/config/keys.hpp"
#include "daemon/config/pools.hpp"
#include "daemon/config/values.hpp"

namespace promised::config {
namespace {

constexpr std::string_view kCommandPrefix = "command.";

Result<std::vector<State>> parse_outcomes(std::string_view text) {
  std::vector<State> outcomes;
  for (const std::string& word : parse_list(text)) {
    std::vector<std::string> known;
    const std::size_t before = outcomes.size();
    for (const State state : {State::succeeded, State::failed, State::cancelled, State::expired}) {
      known.emplace_back(to_string(state));
      if (known.back() == word) outcomes.push_back(state);
    }
    if (outcomes.size() == before) {
      return Problem::of(
          "value", "expected succeeded, failed, cancelled or expired, with commas between, found '" + word +
                       "'" + did_you_mean(word, known));
    }
  }
  if (outcomes.empty()) return expected("succeeded, failed, cancelled or expired, with commas between", text);
  return outcomes;
}

Result<std::vector<std::string>> parse_words(std::string_view text) {
  PROMISED_ASSIGN(auto words, split_words(text));
  if (words.empty() || words.front().empty()) return expected("a program and its arguments", text);
  return words;
}

Result<std::string> parse_queue(std::string_view text) {
  if (text.empty() || text.size() > 255) return expected("the name of a queue, of 1 to 255 bytes", text);
  return std::string(text);
}

Result<std::vector<std::string>> parse_some_names(std::string_view text) {
  auto names = parse_list(text);
  if (names.empty()) return expected("names with commas between", text);
  return names;
}

}  // namespace

bool Commands::is_command(const Section& section) {
  return section.name.starts_with(kCommandPrefix) || section.name == "command" ||
         section.name.starts_with("command ");
}

Result<void> Commands::add(const Section& section) {
  const auto name = parse_pool_name(
      section.name.starts_with(kCommandPrefix) ? section.name.substr(kCommandPrefix.size()) : "");
  if (!name) {
    return section.place.problem(
        "expected [command.NAME], with a name of 1 to 64 letters, digits, '-', '_' and '.', found [" +
        section.name + "]");
  }
  CommandSettings command;
  command.name = *name;
  PROMISED_TRY(set_keys(section, {
                                     {"outcomes", into(command.outcomes, parse_outcomes)},
                                     {"functions", into(command.functions, parse_some_names)},
                                     {"queues", into(command.queues, parse_some_names)},
                                     {"command", into(command.words, parse_words)},
                                     {"queue", into(command.queue, parse_queue)},
                                     {"run_timeout", into(command.run_timeout, parse_duration)},
                                 }));
  if (command.words.empty()) {
    return section.place.problem("[" + section.name +
                                 "] has no command; add command = /path/of/the/program ARGUMENTS");
  }
  commands_.push_back(std::move(command));
  places_.push_back(section.place);
  return {};
}

Result<void> Commands::check(const std::vector<PoolSettings>& pools) const {
  for (std::size_t i = 0; i < commands_.size(); ++i) {
    const CommandSettings& command = commands_[i];
    const bool runs = std::any_of(pools.begin(), pools.end(), [&](const PoolSettings& pool) {
      return has_exec(pool) && pool.serves(command.queue);
    });
    if (runs) continue;
    return places_[i].problem(
        "[command." + command.name +
        "] cannot be run: expected a pool with builtin = exec that takes jobs of queue '" + command.queue +
        "', found none");
  }
  return {};
}

}  // namespace promised::config
