// SPDX-License-Identifier: Apache-2.0
// From argv to a command and its Invocation, or to a text that answers --help and --version.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/invocation.hpp"

namespace promised::cli {

struct CommandLine {
  std::string answer;  ///< not empty: print it, there is nothing to run
  ExitCode (*run)(Invocation&) = nullptr;
  std::optional<Invocation> invocation;
};

/// `arguments` are those after the program's name. Throws UsageError.
[[nodiscard]] CommandLine parse_command_line(const std::vector<std::string>& arguments,
                                             const std::vector<Command>& commands);

}  // namespace promised::cli
