// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/view_json.hpp"
#include "common/printable.hpp"

namespace promised::cli {
namespace {

void print(const std::vector<std::string>& names, const std::string& before, const std::string& after) {
  for (const std::string& name : names) std::cout << before << printable(name) << ": " << after << '\n';
}

void print(const ReloadReport& r) {
  if (r.empty()) std::cout << "nothing has changed\n";
  print(r.added, "pool ", "added");
  print(r.removed, "pool ", "removed; its workers end what they run");
  print(r.replaced, "pool ", "changed; new workers take the places of those that are there");
  print(r.adjusted, "pool ", "changed; its workers go on");
  print(r.changed, "", "in force now");
  print(r.needs_restart, "", "needs a restart");
}

ExitCode reload(Invocation& invocation) {
  const ReloadReport report = invocation.client().reload(invocation.answer_timeout());
  if (invocation.output() == Output::json) {
    invocation.print_json(to_json(report));
  } else if (invocation.output() == Output::human) {
    print(report);
  }
  return ExitCode::fine;
}

}  // namespace

Command reload_command() {
  return {
      "reload",
      "",
      "Have the daemon read its configuration anew",
      "Tells what has changed, and which keys need a restart. If something is wrong with the configuration\n"
      "it is told, nothing changes, and the exit code is 4. For administrators.\n",
      0,
      0,
      boost::program_options::options_description("Options"),
      reload};
}

}  // namespace promised::cli
