// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/steer_queue.hpp"
#include "common/printable.hpp"

namespace promised::cli {
namespace {

ExitCode clear(Invocation& invocation) {
  const std::string& queue = queue_word(invocation);
  const std::uint64_t cancelled = invocation.client().clear_queue(queue, invocation.end_timeout());
  if (invocation.output() == Output::json) {
    invocation.print_json({{"queue", valid_utf8(queue)}, {"cancelled", cancelled}});
  } else if (invocation.output() == Output::human) {
    std::cout << "queue " << printable(queue) << ": " << cancelled
              << (cancelled == 1 ? " job is cancelled\n" : " jobs are cancelled\n");
  }
  return ExitCode::fine;
}

}  // namespace

Command clear_command() {
  return queue_command(
      "clear", "Cancel all jobs that wait in a queue",
      "Those that run go on. Waits until it is done, for --timeout at most; the daemon goes on in\n"
      "any case. To keep further jobs out, `promisectl drain` it first. For administrators.\n",
      clear);
}

}  // namespace promised::cli
