// SPDX-License-Identifier: Apache-2.0
#include <promised/error.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/command.hpp"
#include "cli/job_key.hpp"
#include "cli/table.hpp"

namespace promised::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// What is left of a timeout that began at `start`.
milliseconds remaining(milliseconds timeout, steady_clock::time_point start) {
  if (timeout == kForever) return kForever;
  const auto gone = std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
  return std::max(milliseconds(0), timeout - gone);
}

ExitCode wait(Invocation& invocation) {
  Client& client = invocation.client();
  std::vector<AnyFuture> futures;
  for (const std::string& word : invocation.words()) {
    futures.push_back(client.future<Value>(find_job(client, word, invocation.look_timeout())));
  }
  for (const AnyFuture& future : futures) future.accepted(invocation.look_timeout());
  const milliseconds timeout = invocation.end_timeout();
  const auto start = steady_clock::now();
  for (std::size_t i = 0; i < futures.size(); ++i) {
    if (futures[i].wait(remaining(timeout, start))) continue;
    throw TimeoutError("job " + invocation.words()[i] + " has not ended in time; it goes on");
  }
  bool all_succeeded = true;
  nlohmann::ordered_json jobs = nlohmann::ordered_json::array();
  Table table;
  for (std::size_t i = 0; i < futures.size(); ++i) {
    const State state = futures[i].state();
    if (!is_ended(state)) (void)futures[i].value(milliseconds(0));  // throws that there is no such future
    all_succeeded = all_succeeded && state == State::succeeded;
    jobs.push_back({{"id", futures[i].id().text()}, {"state", to_string(state)}});
    table.add({invocation.words()[i], std::string(to_string(state))});
  }
  if (invocation.output() == Output::json) invocation.print_json({{"jobs", jobs}});
  if (invocation.output() == Output::human) table.print(std::cout);
  return all_succeeded ? ExitCode::fine : ExitCode::failed;
}

}  // namespace

Command wait_command() {
  return {
      "wait",
      "JOB...",
      "Wait until jobs have ended",
      "JOB is an id, the beginning of one, a name, or `last`. The exit code is 0 if all of them succeeded.\n",
      1,
      kAnyNumber,
      boost::program_options::options_description("Options"),
      wait};
}

}  // namespace promised::cli
