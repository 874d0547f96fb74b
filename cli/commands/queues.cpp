// SPDX-License-Identifier: Apache-2.0
#include <promised/error.hpp>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.hpp"
#include "cli/status_text.hpp"
#include "cli/steer_queue.hpp"
#include "cli/usage_error.hpp"
#include "cli/view_json.hpp"
#include "common/glob.hpp"
#include "common/nearest.hpp"
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

/// Queues that the daemon tells of at most.
constexpr std::size_t kMostTold = 100;

/// Where there is none to be seen: it may be that there is, for others.
constexpr const char* kQueuesAreTold =
    " (only administrators are told of queues: of those with jobs, "
    "and those that are configured or steered by name)";

/// Of what the daemon tells of, `all`, none is called so.
[[noreturn]] void throw_no_queue(const std::string& glob, const std::vector<QueueView>& all) {
  std::vector<std::string> known;
  for (const QueueView& queue : all) known.push_back(queue.name);
  std::string text = "no queue matches '" + glob + "'";
  if (all.empty()) {
    text += kQueuesAreTold;
  } else if (all.size() >= kMostTold) {
    text += " of the " + std::to_string(all.size()) + " longest, which are all that is told of";
  }
  throw RefusedError("no_queue", text + did_you_mean(glob, known));
}

/// Those whose name the first word is, or that it matches as a glob; without one all.
std::vector<QueueView> fetch_queues(Invocation& invocation) {
  const bool some = !invocation.words().empty();
  const std::string glob = some ? queue_word(invocation) : "";
  std::vector<QueueView> all = invocation.client().status(invocation.answer_timeout()).queues;
  if (!some) return all;
  std::vector<QueueView> queues;
  std::copy_if(all.begin(), all.end(), std::back_inserter(queues),
               [&](const QueueView& queue) { return glob_matches(glob, queue.name); });
  if (queues.empty()) throw_no_queue(glob, all);
  return queues;
}

void list_queues(Invocation& invocation) {
  const std::vector<QueueView> queues = fetch_queues(invocation);
  if (invocation.output() == Output::json) {
    invocation.print_json({{"queues", to_json(queues)}});
  } else if (invocation.output() == Output::quiet) {
    for (const QueueView& queue : queues) std::cout << printable(queue.name) << '\n';
  } else {
    print_queues(std::cout, queues);
    if (queues.empty()) std::cerr << "no queues to tell of" << kQueuesAreTold << '\n';
  }
}

ExitCode queues(Invocation& invocation) {
  const QueueChange change = read_change(invocation);
  if (change.empty()) {
    list_queues(invocation);
    return ExitCode::fine;
  }
  if (invocation.words().empty())
    throw UsageError(
        "--weight, --rate and --max-length are about one queue: name it (see promisectl queues --help)");
  return steer_queue(invocation, change, "changed");
}

}  // namespace

Command queues_command() {
  Command command{
      "queues",
      "[QUEUE]",
      "List the queues, or have one served in another way",
      "Those with jobs, and those that are configured or steered by name: the longest first, at\n"
      "most 100. QUEUE may be a glob, such as 'mail-*'; where none matches the exit code is 4. With\n"
      "an option, the one queue that is called QUEUE is served so from now on, over restarts too,\n"
      "until the configuration says something else of the same. For administrators: nobody else is\n"
      "told of any queue.\n",
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
