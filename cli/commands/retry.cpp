// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/job_key.hpp"
#include "common/printable.hpp"

namespace promised::cli {
namespace {

ExitCode retry(Invocation& invocation) {
  const auto timeout = invocation.answer_timeout();
  nlohmann::ordered_json jobs = nlohmann::ordered_json::array();
  ExitCode code = ExitCode::fine;
  for (const std::string& job : invocation.words()) {
    const JobKey key = find_job(invocation.client(), job, timeout);
    const bool effect = invocation.client().retry(key, timeout);
    jobs.push_back({{"job", valid_utf8(job)}, {"effect", effect}});
    if (effect) continue;
    code = ExitCode::refused;
    if (invocation.output() != Output::json) {
      std::cerr << "promisectl: " << printable(job)
                << " has not failed: it is left as it is (promisectl show tells how it stands)\n";
    }
  }
  if (invocation.output() == Output::json) invocation.print_json({{"jobs", std::move(jobs)}});
  return code;
}

}  // namespace

Command retry_command() {
  return {
      "retry",
      "JOB...",
      "Have jobs that have failed run again",
      "JOB is an id, the beginning of one, a name, or `last`. Each runs again with its arguments, as a "
      "further\n"
      "attempt, at the end of its queue; crashes of its workers are counted anew, so that a quarantined "
      "one is\n"
      "tried as often as a new one. What has not failed is left as it is: exit code 4. The first one that "
      "the\n"
      "daemon refuses ends the command.\n",
      1,
      kAnyNumber,
      boost::program_options::options_description("Options"),
      retry};
}

}  // namespace promised::cli
