// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/job_key.hpp"
#include "cli/table.hpp"
#include "cli/times.hpp"
#include "cli/view_json.hpp"
#include "common/printable.hpp"

namespace promised::cli {
namespace {

void print_human(const Explanation& explanation) {
  std::cout << explanation.id.text() << ": " << to_string(explanation.state) << '\n';
  Table table;
  for (const WaitReason& reason : explanation.reasons) {
    std::string text = reason.text;
    if (reason.until != WallClock()) text += " (" + relative(reason.until, wall_now()) + ")";
    table.add({"", reason.code, text});
    for (const JobId& id : reason.jobs) table.add({"", "", id.text()});
    if (!reason.jobs.empty() && reason.count > reason.jobs.size())
      table.add({"", "", "and " + std::to_string(reason.count - reason.jobs.size()) + " more"});
  }
  if (!table.empty()) table.print(std::cout);
}

ExitCode explain(Invocation& invocation) {
  const auto timeout = invocation.answer_timeout();
  const JobKey key = find_job(invocation.client(), invocation.words().front(), timeout);
  const Explanation explanation = invocation.client().explain(key, timeout);
  if (invocation.output() == Output::json) {
    invocation.print_json(to_json(explanation));
  } else if (invocation.output() == Output::quiet) {
    for (const WaitReason& reason : explanation.reasons) std::cout << printable(reason.code) << '\n';
  } else {
    print_human(explanation);
  }
  return ExitCode::fine;
}

}  // namespace

Command explain_command() {
  return {
      "explain",
      "JOB",
      "Tell why a job is not running",
      "JOB is an id, the beginning of one, a name, or `last`. All reasons that hold in this moment are "
      "told,\n"
      "each with the jobs because of which, as far as there are some. --output quiet prints their codes.\n",
      1,
      1,
      boost::program_options::options_description("Options"),
      explain};
}

}  // namespace promised::cli
