// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <algorithm>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>
#include <sstream>
#include <utility>

#include "cli/usage_error.hpp"
#include "common/nearest.hpp"

namespace promised::cli {
namespace {

namespace po = boost::program_options;

constexpr const char* kWords = "words";
constexpr int kStyle = po::command_line_style::allow_long | po::command_line_style::long_allow_next |
                       po::command_line_style::long_allow_adjacent;

po::options_description global_options() {
  po::options_description options("Everywhere");
  add_option(options, "endpoint", "ipc://PATH",
             "the daemon to talk to (default: $PROMISED_ENDPOINT, else the system's, else the user's own)");
  add_option(options, "output", "HOW", "human, json or quiet");
  add_option(options, "timeout", "TIME", "wait at most so long, such as 500ms, 90s or 5min");
  add_option(options, "connect-timeout", "TIME",
             "try for so long to reach the daemon (default: 1s where nobody listens, 5s where it is slow or "
             "restarts)");
  add_flag(options, "version", "print the version");
  add_flag(options, "help", "print help");
  return options;
}

/// How many arguments stand before the command's name: options for all commands and their values.
std::size_t leading(const std::vector<std::string>& arguments) {
  std::size_t i = 0;
  while (i < arguments.size() && arguments[i].starts_with("--")) {
    const std::string& option = arguments[i];
    const bool takes_value = option == "--endpoint" || option == "--output" || option == "--timeout" ||
                             option == "--connect-timeout";
    i += takes_value ? 2 : 1;
  }
  return std::min(i, arguments.size());
}

std::string general_help(const std::vector<Command>& commands) {
  std::ostringstream text;
  text << "promisectl [OPTION]... COMMAND ...\n"
          "Talks to promised, the job worker daemon.\n\nCommands:\n";
  for (const Command& command : commands) {
    text << "  " << command.name << std::string(12 - command.name.size(), ' ') << command.summary << '\n';
  }
  text << '\n' << global_options() << "\n`promisectl COMMAND --help` tells more.\n";
  return text.str();
}

std::string help_of(const Command& command) {
  std::ostringstream text;
  text << "promisectl " << command.name << " [OPTION]..."
       << (command.words.empty() ? "" : " " + command.words) << '\n'
       << command.summary << ".\n";
  if (!command.help.empty()) text << '\n' << command.help;
  if (!command.options.options().empty()) text << '\n' << command.options;
  text << '\n' << global_options();
  return text.str();
}

const Command& find(const std::string& name, const std::vector<Command>& commands) {
  const auto found =
      std::find_if(commands.begin(), commands.end(), [&](const Command& c) { return c.name == name; });
  if (found != commands.end()) return *found;
  std::vector<std::string> names;
  for (const Command& command : commands) names.push_back(command.name);
  throw UsageError("unknown command '" + name + "'" + did_you_mean(name, names) + " (see promisectl --help)");
}

/// With what collects the words, which no help shows.
po::options_description with_words(const po::options_description& visible) {
  po::options_description all;
  all.add(visible).add_options()(kWords, po::value<std::vector<std::string>>());
  return all;
}

/// What the library says of an option, and where there is more about it.
UsageError wrong(const po::error& error, const std::string& help) {
  return UsageError(std::string(error.what()) + " (see " + help + ")");
}

po::parsed_options parse(const std::vector<std::string>& arguments, const po::options_description& visible,
                         const std::string& help) {
  const po::options_description all = with_words(visible);
  po::positional_options_description words;
  words.add(kWords, -1);
  try {
    // The hidden option that collects the words must not be given by its name.
    for (const std::string& argument : arguments) {
      if (argument == "--") break;
      if (argument.substr(0, argument.find('=')) == "--words") throw po::unknown_option("--words");
    }
    po::parsed_options parsed =
        po::command_line_parser(arguments).options(all).positional(words).style(kStyle).run();
    parsed.description = nullptr;  // of a local
    return parsed;
  } catch (const po::unknown_option& e) {
    std::vector<std::string> names;
    for (const auto& option : visible.options()) names.push_back("--" + option->long_name());
    throw UsageError("unknown option '" + e.get_option_name() + "'" +
                     did_you_mean(e.get_option_name(), names) + " (see " + help +
                     "; words that begin with -- come after a --)");
  } catch (const po::error& e) {
    throw wrong(e, help);
  }
}

po::variables_map values_of(po::parsed_options& parsed, const po::options_description& visible,
                            const std::string& help) {
  const po::options_description all = with_words(visible);
  parsed.description = &all;
  try {
    po::variables_map values;
    po::store(parsed, values);
    return values;
  } catch (const po::error& e) {
    throw wrong(e, help);
  }
}

void check_words(const Command& command, const std::vector<std::string>& words) {
  const std::string usage = "usage: promisectl " + command.name + " [OPTION]... " + command.words +
                            " (see promisectl " + command.name + " --help)";
  if (words.size() < command.least_words) throw UsageError("something is missing; " + usage);
  if (words.size() > command.most_words) {
    throw UsageError("'" + words[command.most_words] + "' is too much; " + usage);
  }
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               const std::vector<Command>& commands) {
  const std::size_t before = leading(arguments);
  const bool has_command = before < arguments.size();
  std::vector<std::string> options(arguments.begin(),
                                   arguments.begin() + static_cast<std::ptrdiff_t>(before));
  po::options_description visible = global_options();
  std::string help = "promisectl --help";
  const Command* command = nullptr;
  if (has_command) {
    (void)parse(options, visible, help);  // only what is for all commands may stand before the command
    command = &find(arguments[before], commands);
    visible.add(command->options);
    help = "promisectl " + command->name + " --help";
    options.insert(options.end(), arguments.begin() + static_cast<std::ptrdiff_t>(before) + 1,
                   arguments.end());
  }
  po::parsed_options parsed = parse(options, visible, help);
  auto values = values_of(parsed, visible, help);
  CommandLine line;
  if (values["help"].as<bool>()) {
    line.answer = command == nullptr ? general_help(commands) : help_of(*command);
  } else if (values["version"].as<bool>()) {
    line.answer = "promisectl " PROMISED_VERSION "\n";
  } else if (command == nullptr) {
    throw UsageError("a command is missing (see promisectl --help)");
  } else {
    std::vector<std::string> words;
    if (values.count(kWords) != 0) words = values[kWords].as<std::vector<std::string>>();
    check_words(*command, words);
    line.run = command->run;
    line.invocation.emplace(std::move(values), std::move(parsed.options), std::move(words));
  }
  return line;
}

}  // namespace promised::cli
