// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/defaults.hpp"

#include <filesystem>
#include <system_error>

namespace promised::config {
namespace {

/// An XDG variable's folder, else `fallback`; the specification has relative ones ignored.
std::string folder(const Environment& environment, const std::string& variable, const std::string& fallback) {
  const auto value = environment.variable(variable);
  return value && value->front() == '/' ? *value : fallback;
}

std::string runtime_folder(const Environment& environment) {
  const std::string uid = std::to_string(environment.uid);
  const std::string usual = environment.runtime_root + "/" + uid;
  std::error_code ignored;  // what cannot be looked at is not there for us
  const bool exists = std::filesystem::is_directory(usual, ignored);
  const std::string last_resort = environment.temporary + "/promised-" + uid;
  const auto given = environment.variable("XDG_RUNTIME_DIR");
  if (given && given->front() == '/') return *given + "/promised";
  return exists ? usual + "/promised" : last_resort;
}

}  // namespace

Defaults defaults_for(Mode mode, const Environment& environment) {
  if (mode == Mode::system) {
    return {environment.system_config, "ipc:///run/promised/promised.sock", "/var/lib/promised"};
  }
  const std::string home = environment.variable("HOME").value_or(environment.home);
  return {folder(environment, "XDG_CONFIG_HOME", home + "/.config") + "/promised/promised.conf",
          "ipc://" + runtime_folder(environment) + "/promised.sock",
          folder(environment, "XDG_STATE_HOME", home + "/.local/state") + "/promised"};
}

}  // namespace promised::config
