// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <boost/program_options/value_semantic.hpp>

namespace promised::cli {

namespace po = boost::program_options;

std::vector<Command> all_commands() {
  std::vector<Command> all;
  for (auto* make :
       {status_command, submit_command, run_command,     result_command, wait_command,   follow_command,
        logs_command,   jobs_command,   show_command,    cancel_command, forget_command, remember_command,
        retry_command,  events_command, explain_command, queues_command, pause_command,  resume_command,
        drain_command,  clear_command,  quota_command,   reload_command, store_command}) {
    all.push_back(make());
  }
  return all;
}

void add_option(po::options_description& to, const char* name, const char* value_name, const char* help) {
  to.add_options()(name, po::value<std::string>()->value_name(value_name), help);
}

void add_repeated(po::options_description& to, const char* name, const char* value_name, const char* help) {
  to.add_options()(name, po::value<std::vector<std::string>>()->value_name(value_name)->composing(), help);
}

void add_flag(po::options_description& to, const char* name, const char* help) {
  to.add_options()(name, po::bool_switch(), help);
}

}  // namespace promised::cli
