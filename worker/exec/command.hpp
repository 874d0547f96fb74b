// SPDX-License-Identifier: Apache-2.0
// A command line that is run to its end: without a shell, with what it writes passed on and its end kept. It
// has a process group of its own: whether and when that is told to stop is decided here.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace promised::exec {

struct Command {
  std::vector<std::string> words;  ///< the program (looked for in PATH if it has no slash) and its arguments
  std::optional<std::string> directory;
  std::map<std::string, std::string> environment;  ///< on top of the worker's own
  std::string input;                               ///< what it reads from stdin
  std::chrono::seconds cpu_time{0};                ///< of the processor; 0: as much as it takes
};

/// Of each stream, what is kept: its end.
inline constexpr std::size_t kMostKept = std::size_t{64} << 10;

struct Finished {
  int exit_status = 0;
  int signal = 0;  ///< not 0: it was killed by this signal
  std::string out, err;
};

/// Sleeps until one of these is ready, as poll(2) does, or the job is cancelled: then false.
using Sleep = std::function<bool(std::span<pollfd>)>;

/// Runs it; what it writes to stdout and stderr goes to this process's own as it comes. Returns when the
/// command has ended, whatever it left running in the background. Throws std::system_error where it cannot be
/// started.
///
/// When `sleep` says that the job is cancelled, or this process gets SIGTERM, the command's group gets
/// SIGTERM, once, and has as long as it takes: then it returns when the whole group has ended, those included
/// that leave it only after the command itself has ended. A SIGTERM of this process's own strikes it only
/// then.
[[nodiscard]] Finished run(const Command& command, const Sleep& sleep);

}  // namespace promised::exec
