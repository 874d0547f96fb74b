// SPDX-License-Identifier: Apache-2.0
// What the commands about one queue have in common.
#pragma once

#include "cli/command.hpp"

namespace promised::cli {

/// The queue that is the command's first word; throws UsageError where that is empty.
[[nodiscard]] const std::string& queue_word(const Invocation& invocation);

/// Has the queue that is the command's first word served so, and says "queue NAME: `told`, N jobs wait in
/// it".
ExitCode steer_queue(Invocation& invocation, const QueueChange& change, const char* told);

/// A command that does that; it has no options of its own.
[[nodiscard]] Command queue_command(const char* name, const char* summary, const char* help,
                                    ExitCode (*run)(Invocation&));

}  // namespace promised::cli
