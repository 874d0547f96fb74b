// SPDX-License-Identifier: Apache-2.0
// A command line that is run to its end: without a shell, with what it writes passed on and its end kept.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace promised::exec {

struct Command {
  std::vector<std::string> words;  ///< the program (looked for in PATH if it has no slash) and its arguments
  std::optional<std::string> directory;
  std::map<std::string, std::string> environment;  ///< on top of the worker's own
  std::string input;                               ///< what it reads from stdin
};

/// Of each stream, what is kept: its end.
inline constexpr std::size_t kMostKept = std::size_t{64} << 10;

struct Finished {
  int exit_status = 0;
  int signal = 0;  ///< not 0: it was killed by this signal
  std::string out, err;
};

/// Runs it; what it writes to stdout and stderr goes to this process's own as it comes. Returns when the
/// command has ended, whatever it left running in the background. Throws std::system_error where it cannot be
/// started.
[[nodiscard]] Finished run(const Command& command);

}  // namespace promised::exec
