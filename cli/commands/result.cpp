// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/job_key.hpp"
#include "cli/outcome.hpp"

namespace promised::cli {
namespace {

ExitCode result(Invocation& invocation) {
  const JobKey key =
      find_job(invocation.client(), invocation.words().front(), invocation.timeout(kAnswerTimeout));
  return print_outcome(invocation, invocation.client().future<Value>(key), invocation.timeout(kForever));
}

}  // namespace

Command result_command() {
  return {"result",
          "JOB",
          "Wait for a job's end and print its result",
          "JOB is an id, the beginning of one, a name, or `last`. Text and bytes are printed as they are, "
          "other values\n"
          "as JSON. --timeout 0 does not wait.\n",
          1,
          1,
          boost::program_options::options_description("Options"),
          result};
}

}  // namespace promised::cli
