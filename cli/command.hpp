// SPDX-License-Identifier: Apache-2.0
// The commands: what each is called, which options it takes, and the function that does it. One file a
// command under cli/commands/; the list is in cli/command.cpp.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <string>
#include <vector>

#include "cli/exit_code.hpp"
#include "cli/invocation.hpp"

namespace promised::cli {

struct Command {
  std::string name;
  std::string words;    ///< what may follow, as the help shows it: "FUNCTION [ARG]..."
  std::string summary;  ///< one line, for the list of commands
  std::string help;     ///< what else its reader should know; whole lines
  std::size_t least_words = 0, most_words = 0;
  boost::program_options::options_description options;
  ExitCode (*run)(Invocation&) = nullptr;
};

[[nodiscard]] Command cancel_command();
[[nodiscard]] Command retry_command();
[[nodiscard]] Command clear_command();
[[nodiscard]] Command drain_command();
[[nodiscard]] Command explain_command();
[[nodiscard]] Command events_command();
[[nodiscard]] Command follow_command();
[[nodiscard]] Command forget_command();
[[nodiscard]] Command jobs_command();
[[nodiscard]] Command logs_command();
[[nodiscard]] Command pause_command();
[[nodiscard]] Command queues_command();
[[nodiscard]] Command quota_command();
[[nodiscard]] Command reload_command();
[[nodiscard]] Command remember_command();
[[nodiscard]] Command result_command();
[[nodiscard]] Command resume_command();
[[nodiscard]] Command run_command();
[[nodiscard]] Command show_command();
[[nodiscard]] Command status_command();
[[nodiscard]] Command store_command();
[[nodiscard]] Command submit_command();
[[nodiscard]] Command wait_command();

/// In the order in which the help lists them.
[[nodiscard]] std::vector<Command> all_commands();

/// An option that takes a value; all values are parsed by who asks for them.
void add_option(boost::program_options::options_description& to, const char* name, const char* value_name,
                const char* help);
/// The same; it may be given several times.
void add_repeated(boost::program_options::options_description& to, const char* name, const char* value_name,
                  const char* help);
/// An option without a value.
void add_flag(boost::program_options::options_description& to, const char* name, const char* help);

/// "As much as anybody gives".
inline constexpr std::size_t kAnyNumber = static_cast<std::size_t>(-1);

}  // namespace promised::cli
