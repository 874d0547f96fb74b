// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/job_key.hpp"
#include "cli/outcome.hpp"

namespace promised::cli {
namespace {

ExitCode result(Invocation& invocation) {
  const JobKey key = find_job(invocation.client(), invocation.words().front(), invocation.look_timeout());
  const AnyFuture future = invocation.client().future<Value>(key);
  future.accepted(invocation.look_timeout());
  return print_outcome(invocation, future, invocation.end_timeout(),
                       invocation.flag("take") ? Fetch::take : Fetch::keep);
}

}  // namespace

Command result_command() {
  Command command{"result",
                  "JOB",
                  "Wait for a job's end and print its result",
                  "JOB is an id, the beginning of one, a name, or `last`. Text and bytes are printed as they "
                  "are, other values\n"
                  "as JSON. --timeout 0 does not wait for the job.\n",
                  1,
                  1,
                  boost::program_options::options_description("Options"),
                  result};
  add_flag(command.options, "take", "forget the name in the same step: of several who take, one gets it");
  return command;
}

}  // namespace promised::cli
