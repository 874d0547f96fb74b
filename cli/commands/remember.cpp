// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/job_key.hpp"
#include "cli/job_options.hpp"
#include "common/printable.hpp"

namespace promised::cli {
namespace {

ExitCode remember(Invocation& invocation) {
  const auto timeout = invocation.answer_timeout();
  const std::string& name = usable_name(invocation.words()[1], "NAME");
  const auto lifespan = read_lifespan(invocation);
  const Duplicate duplicate = parse_duplicate(invocation.text("duplicate").value_or("raise"));
  const JobView job = show_job(invocation.client(), invocation.words()[0], timeout);
  invocation.client().remember(job.id, name, lifespan, duplicate, timeout);
  if (invocation.output() == Output::json) {
    invocation.print_json({{"id", job.id.text()}, {"name", valid_utf8(name)}});
  }
  return ExitCode::fine;
}

}  // namespace

Command remember_command() {
  Command command{"remember",
                  "JOB NAME",
                  "Remember a job under a name, or renew its lifespan",
                  "JOB is an id, the beginning of one, a name, or `last`.\n",
                  2,
                  2,
                  boost::program_options::options_description("Options"),
                  remember};
  add_option(command.options, "lifespan", "TIME",
             "how long the name is kept after the job's end, or forever (default: the daemon's)");
  add_option(command.options, "duplicate", "HOW",
             "when the name is taken: raise (an error, the default) or replace");
  return command;
}

}  // namespace promised::cli
