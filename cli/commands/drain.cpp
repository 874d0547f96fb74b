// SPDX-License-Identifier: Apache-2.0
#include "cli/steer_queue.hpp"

namespace promised::cli {
namespace {

ExitCode drain(Invocation& invocation) {
  return steer_queue(invocation, {.draining = true}, "draining");
}

}  // namespace

Command drain_command() {
  return queue_command(
      "drain", "Take no more jobs into a queue, and run those that it has",
      "Submissions are refused with the code `draining`, over restarts too, until `promisectl resume`.\n"
      "For administrators.\n",
      drain);
}

}  // namespace promised::cli
