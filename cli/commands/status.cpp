// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/status_text.hpp"
#include "cli/times.hpp"
#include "cli/view_json.hpp"

namespace promised::cli {
namespace {

ExitCode status(Invocation& invocation) {
  const StatusView view = invocation.client().status(invocation.answer_timeout());
  if (invocation.output() == Output::json) {
    invocation.print_json(to_json(view));
  } else if (invocation.output() == Output::human) {
    print_status(std::cout, view, wall_now());
  }
  return view.health == "ok" ? ExitCode::fine : ExitCode::failed;
}

}  // namespace

Command status_command() {
  return {"status",
          "",
          "Tell at one glance how the daemon is",
          "The exit code is 0 if it is well, 1 if it is degraded, 2 if nobody answers.\n",
          0,
          0,
          boost::program_options::options_description("Options"),
          status};
}

}  // namespace promised::cli
