// SPDX-License-Identifier: Apache-2.0
// promisectl: promised from the shell. Data goes to stdout, all else to stderr; docs/promisectl.md has the
// details.
#include <algorithm>
#include <clocale>
#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.hpp"
#include "cli/command_line.hpp"
#include "cli/farewell.hpp"
#include "cli/trouble.hpp"
#include "cli/value_json.hpp"
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

/// One line on stderr; `kind` and `code` are for JSON.
void tell(const char* kind, const std::string& code, const std::string& message, bool as_json) {
  if (as_json) {
    nlohmann::ordered_json body;
    if (!code.empty()) body["code"] = valid_utf8(code);
    body["message"] = valid_utf8(message);
    std::cerr << json_text({{"format", 1}, {kind, std::move(body)}}) << '\n';
  } else {
    std::cerr << "promisectl: " << printable(message) << '\n';
  }
}

void tell(const Trouble& trouble, bool as_json) {
  tell("error", trouble.code, trouble.message, as_json);
}

/// Disconnects. What was not accepted is added to the trouble; what else the client had to say are warnings.
void close(Invocation& invocation, std::optional<Trouble>& trouble, bool as_json) {
  // Who has waited for the daemon in vain does not begin to wait again.
  const bool in_vain =
      trouble && (trouble->exit == ExitCode::timed_out || trouble->exit == ExitCode::no_daemon);
  const std::vector<Unaccepted> unaccepted =
      in_vain ? invocation.close(std::chrono::milliseconds(0)) : invocation.close();
  for (const std::string& warning : other_warnings(invocation.warnings(), unaccepted)) {
    tell("warning", "", warning, as_json);
  }
  if (trouble) add_unaccepted(*trouble, unaccepted);
}

ExitCode run(CommandLine& line, bool as_json) {
  ExitCode exit = ExitCode::fine;
  std::optional<Trouble> trouble;
  try {
    if (line.run != nullptr) exit = line.run(*line.invocation);
    std::cout << line.answer;
  } catch (...) {
    trouble = current_trouble();
  }
  std::cout.flush();
  if (line.invocation) close(*line.invocation, trouble, as_json);
  if (!trouble && !std::cout) trouble = {ExitCode::internal, "internal", "cannot write to stdout"};
  if (!trouble) return exit;
  tell(*trouble, as_json);
  return trouble->exit;
}

ExitCode run(const std::vector<std::string>& arguments) {
  const bool as_json = wants_json(arguments);
  try {
    CommandLine line = parse_command_line(arguments, all_commands());
    return run(line, as_json);
  } catch (...) {
    const Trouble trouble = current_trouble();
    tell(trouble, as_json);
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
