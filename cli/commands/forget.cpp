// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/job_key.hpp"
#include "common/printable.hpp"

namespace promised::cli {
namespace {

ExitCode forget(Invocation& invocation) {
  const auto timeout = invocation.answer_timeout();
  const std::string& job = invocation.words().front();
  const JobKey key = find_job(invocation.client(), job, timeout);
  const bool effect = invocation.client().forget(key, timeout);
  if (invocation.output() == Output::json) invocation.print_json({{"effect", effect}});
  if (effect) return ExitCode::fine;
  if (invocation.output() != Output::json) {
    std::cerr << "promisectl: job " << printable(job) << " has no name to forget\n";
  }
  return ExitCode::refused;
}

}  // namespace

Command forget_command() {
  return {"forget",
          "NAME|ID",
          "Forget a remembered name",
          "The job itself goes on. A name that is not there is exit code 4.\n",
          1,
          1,
          boost::program_options::options_description("Options"),
          forget};
}

}  // namespace promised::cli
