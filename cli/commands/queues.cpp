// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "cli/command.hpp"
#include "cli/status_text.hpp"
#include "cli/steer_queue.hpp"
#include "cli/usage_error.hpp"
#include "cli/view_json.hpp"
#include "common/printable.hpp"
#include "common/units.hpp"

namespace promised::cli {
namespace {

QueueChange read_change(const Invocation& invocation) {
  constexpr std::int64_t kMost = 1'000'000'000;
  QueueChange change;
  if (const auto weight = invocation.integer("weight", 1, 1000))
    change.weight = static_cast<std::uint32_t>(*weight);
  if (const auto text = invocation.text("rate")) {
    const Result<Rate> rate = parse_rate(*text);
    if (!rate) throw UsageError("--rate: " + rate.problem().message);
    change.rate = *rate;
  }
  if (const auto length = invocation.integer("max-length", 0, kMost))
    change.max_length = static_cast<std::uint64_t>(*length);
  return change;
}

void list(Invocation& invocation) {
  std::vector<QueueView> queues = invocation.client().status(invocation.answer_timeout()).queues;
  if (!invocation.words().empty())
    std::erase_if(queues, [&](const QueueView& q) { return q.name != invocation.words().front(); });
  if (invocation.output() == Output::json) {
    invocation.print_json({{"queues", to_json(queues)}});
  } else if (invocation.output() == Output::quiet) {
    for (const QueueView& queue : queues) std::cout << printable(queue.name) << '\n';
  } else {
    print_queues(std::cout, queues);
    if (queues.empty()) std::cerr << "no queues\n";
  }
}

ExitCode queues(Invocation& invocation) {
  const QueueChange change = read_change(invocation);
  if (change.empty()) {
    list(invocation);
    return ExitCode::fine;
  }
  if (invocation.words().empty())
    throw UsageError(
        "--weight, --rate and --max-length are about one queue: name it (see promisectl queues --help)");
  return steer_queue(invocation, change, "changed");
}

}  // namespace

Command queues_command() {
  Command command{"queues",
                  "[QUEUE]",
                  "List the queues, or have one served in another way",
                  "Those with jobs, and those that are paused or draining: the longest first, at most 100. "
                  "With an option,\n"
                  "QUEUE is served so from now on, over restarts too, until the configuration says something "
                  "else of the\n"
                  "same. For administrators.\n",
                  0,
                  1,
                  boost::program_options::options_description("Options"),
                  queues};
  add_option(command.options, "weight", "N", "its part of the workers beside other queues: 1 to 1000");
  add_option(command.options, "rate", "RATE",
             "jobs that begin in a time: 10/s, 100/min, '10/s burst 20' or none");
  add_option(command.options, "max-length", "N", "jobs that may wait in it; 0: any number");
  return command;
}

}  // namespace promised::cli
