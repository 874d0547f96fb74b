// SPDX-License-Identifier: Apache-2.0
// From the command line, the configuration file and the drop-in folder to Settings, or to a Problem that
// names file, line and the nearest known key (SEMANTICS E3). main calls it at start and again on SIGHUP.
// Reads files; changes, creates and starts nothing.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "common/result.hpp"
#include "daemon/settings.hpp"

namespace promised {

/// What the process finds around it; tests bring their own.
struct Environment {
  std::map<std::string, std::string> variables;
  uid_t uid = 0;
  std::string home;               ///< of the user, where $HOME says nothing
  std::string working_directory;  ///< relative paths on the command line start here
  std::string system_config;      ///< read by root if it exists
  std::string runtime_root = "/run/user";
  std::string temporary = "/tmp";
  std::function<std::optional<uid_t>(const std::string& name)> find_user;
  std::function<std::optional<gid_t>(const std::string& name)> find_group;
  /// What tells the file at a path from another one that was there before; empty: it cannot be told.
  std::function<std::string(const std::string& path)> file_version;

  /// The real one.
  [[nodiscard]] static Environment of_process();
  /// The variable's value; nothing if it is unset or empty.
  [[nodiscard]] std::optional<std::string> variable(const std::string& name) const;
};

struct Invocation {
  enum class Action { run, check, version, help };

  Settings settings;           ///< actions run and check
  bool without_pools = false;  ///< it says that there is to be no pool
  Action action = Action::run;
  std::string text;  ///< for stdout: the answer to --check, --version or --help
};

/// The Problem's code is "usage" where the command line is wrong, else "config".
[[nodiscard]] Result<Invocation> read_invocation(int argc, const char* const* argv,
                                                 const Environment& environment);

}  // namespace promised
