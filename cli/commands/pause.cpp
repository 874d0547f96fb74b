// SPDX-License-Identifier: Apache-2.0
#include "cli/steer_queue.hpp"

namespace promised::cli {
namespace {

ExitCode pause(Invocation& invocation) {
  return steer_queue(invocation, {.paused = true}, "paused");
}

}  // namespace

Command pause_command() {
  return queue_command(
      "pause", "Let no more jobs of a queue begin",
      "Jobs that run go on, and further ones are accepted and wait. It holds over restarts, until\n"
      "`promisectl resume`, or until the configuration says something else of it. For administrators.\n",
      pause);
}

}  // namespace promised::cli
