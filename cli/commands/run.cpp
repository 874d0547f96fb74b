// SPDX-License-Identifier: Apache-2.0
#include "cli/call.hpp"
#include "cli/command.hpp"
#include "cli/outcome.hpp"

namespace promised::cli {
namespace {

ExitCode run(Invocation& invocation) {
  const Submission submission = read_submission(invocation);
  const AnyFuture future = submit(invocation, submission, invocation.look_timeout());
  return print_outcome(invocation, future, invocation.end_timeout());
}

}  // namespace

Command run_command() {
  return {"run",
          call_words(),
          "Submit a job, wait for its end and print its result",
          std::string(call_help()) +
              "Text and bytes are printed as they are, other values as JSON. When --timeout is over the job "
              "goes on,\n"
              "unless --abandon was given.\n",
          0,
          kAnyNumber,
          call_options(),
          run};
}

}  // namespace promised::cli
