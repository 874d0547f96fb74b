// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/call.hpp"
#include "cli/command.hpp"
#include "cli/outcome.hpp"
#include "cli/usage_error.hpp"

namespace promised::cli {
namespace {

ExitCode submit_job(Invocation& invocation) {
  const Submission submission = read_submission(invocation);
  const bool wait = invocation.flag("wait");
  if (!wait && invocation.flag("abandon")) {
    throw UsageError(
        "--abandon needs --wait: without it the job would be cancelled as soon as its id is printed");
  }
  if (!wait) invocation.leave_outcomes();  // whoever asks for it comes later
  const AnyFuture future =
      submit(invocation, submission, wait ? invocation.look_timeout() : invocation.answer_timeout());
  if (wait) return print_outcome(invocation, future, invocation.end_timeout());
  if (invocation.output() == Output::json) {
    const std::string& name = submission.call.options().name();
    invocation.print_json(
        {{"id", future.id().text()},
         {"name", name.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(name)}});
  } else {
    std::cout << future.id().text() << '\n';
  }
  return ExitCode::fine;
}

}  // namespace

Command submit_command() {
  Command command{
      "submit",
      call_words(),
      "Submit a job and print its id",
      std::string(call_help()) +
          "The id is printed when the job is accepted: a durable one is then on disk. With --wait it is\n"
          "the result that is printed, as `promisectl run` does.\n",
      0,
      kAnyNumber,
      call_options(),
      submit_job};
  add_flag(command.options, "wait", "wait for the job's end and print its result");
  return command;
}

}  // namespace promised::cli
