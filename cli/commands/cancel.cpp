// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/job_key.hpp"
#include "common/printable.hpp"

namespace promised::cli {
namespace {

ExitCode cancel(Invocation& invocation) {
  const auto timeout = invocation.answer_timeout();
  const std::string& job = invocation.words().front();
  const JobKey key = find_job(invocation.client(), job, timeout);
  CancelOptions how;
  how.now(invocation.flag("now")).reason(invocation.text("reason").value_or(""));
  const bool effect = invocation.client().cancel(key, how, timeout);
  if (invocation.output() == Output::json) invocation.print_json({{"effect", effect}});
  if (effect) return ExitCode::fine;
  if (invocation.output() != Output::json) {
    std::cerr << "promisectl: " << printable(job) << " has ended already; cancelling it changes nothing\n";
  }
  return ExitCode::refused;
}

}  // namespace

Command cancel_command() {
  Command command{
      "cancel",
      "JOB",
      "Cancel a job",
      "JOB is an id, the beginning of one, a name, or `last`. A job that has ended is left as it "
      "is: exit code 4.\n"
      "A running job is asked to stop, then gets SIGTERM and SIGKILL, with kill_grace of its pool "
      "between.\n",
      1,
      1,
      boost::program_options::options_description("Options"),
      cancel};
  add_flag(command.options, "now", "SIGKILL at once");
  add_option(command.options, "reason", "TEXT", "why, for whoever asks for the outcome");
  return command;
}

}  // namespace promised::cli
