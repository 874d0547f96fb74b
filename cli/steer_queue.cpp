// SPDX-License-Identifier: Apache-2.0
#include "cli/steer_queue.hpp"

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/queue_name.hpp"
#include "common/printable.hpp"

namespace promised::cli {

const std::string& queue_word(const Invocation& invocation) {
  return queue_name(invocation.words().front(), "QUEUE");
}

ExitCode steer_queue(Invocation& invocation, const QueueChange& change, const char* told) {
  const std::string& queue = queue_word(invocation);
  const std::uint64_t waiting = invocation.client().steer_queue(queue, change, invocation.answer_timeout());
  if (invocation.output() == Output::json) {
    invocation.print_json({{"queue", valid_utf8(queue)}, {"waiting", waiting}});
  } else if (invocation.output() == Output::human) {
    std::cout << "queue " << printable(queue) << ": " << told << ", " << waiting
              << (waiting == 1 ? " job waits in it\n" : " jobs wait in it\n");
  }
  return ExitCode::fine;
}

Command queue_command(const char* name, const char* summary, const char* help, ExitCode (*run)(Invocation&)) {
  return {name, "QUEUE", summary, help, 1, 1, boost::program_options::options_description("Options"), run};
}

}  // namespace promised::cli
