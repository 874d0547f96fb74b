// SPDX-License-Identifier: Apache-2.0
#include "cli/steer_queue.hpp"

namespace promised::cli {
namespace {

ExitCode resume(Invocation& invocation) {
  return steer_queue(invocation, {.paused = false, .draining = false}, "resumed");
}

}  // namespace

Command resume_command() {
  return queue_command("resume", "Take back what pause and drain did to a queue", "For administrators.\n",
                       resume);
}

}  // namespace promised::cli
