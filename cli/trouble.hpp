// SPDX-License-Identifier: Apache-2.0
// What went wrong, for people and scripts: the one place that turns exceptions into a message on stderr and
// an exit code.
#pragma once

#include <string>

#include "cli/exit_code.hpp"

namespace promised::cli {

struct Trouble {
  ExitCode exit = ExitCode::internal;
  std::string code;  ///< a short word: "no_daemon", "usage", "timeout", "no_such_future", or the daemon's own
  std::string message;
};

/// Of the exception that is being handled: call it in a catch block.
[[nodiscard]] Trouble current_trouble();

}  // namespace promised::cli
