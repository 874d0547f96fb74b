// SPDX-License-Identifier: Apache-2.0
// promisectl: promised from the shell. Data goes to stdout, all else to stderr; docs/promisectl.md has the
// details.
#include <algorithm>
#include <clocale>
#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/command_line.hpp"
#include "cli/trouble.hpp"
#include "common/printable.hpp"

namespace promised::cli {
namespace {

/// Whether the user wants JSON, as far as a command line that may be wrong tells.
bool wants_json(const std::vector<std::string>& arguments) {
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  for (auto i = arguments.begin(); i != end; ++i) {
    if (*i == "--output=json") return true;
    if (*i == "--output" && i + 1 != end && *(i + 1) == "json") return true;
  }
  return false;
}

void tell(const Trouble& trouble, bool as_json) {
  if (as_json) {
    const nlohmann::ordered_json error = {
        {"format", 1},
        {"error", {{"code", valid_utf8(trouble.code)}, {"message", valid_utf8(trouble.message)}}}};
    std::cerr << error.dump() << '\n';
  } else {
    std::cerr << "promisectl: " << printable(trouble.message, Lines::many) << '\n';
  }
}

ExitCode run(const std::vector<std::string>& arguments) {
  try {
    CommandLine line = parse_command_line(arguments, all_commands());
    const ExitCode exit = line.run == nullptr ? ExitCode::fine : line.run(*line.invocation);
    std::cout << line.answer << std::flush;
    if (!std::cout) {
      tell({ExitCode::internal, "internal", "cannot write to stdout"}, wants_json(arguments));
      return ExitCode::internal;
    }
    return exit;
  } catch (...) {
    const Trouble trouble = current_trouble();
    std::cout.flush();
    tell(trouble, wants_json(arguments));
    return trouble.exit;
  }
}

}  // namespace
}  // namespace promised::cli

int main(int argc, char** argv) {
  // `promisectl jobs | head`: a closed pipe is an error to report and not a reason to die.
  std::signal(SIGPIPE, SIG_IGN);
  return static_cast<int>(promised::cli::run(std::vector<std::string>(argv + 1, argv + std::max(argc, 1))));
}
