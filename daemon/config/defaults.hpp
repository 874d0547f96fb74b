// SPDX-License-Identifier: Apache-2.0
// Where things are when nobody says otherwise: for the system's daemon (started by root) and for a user's
// own.
#pragma once

#include <optional>
#include <string>

#include "daemon/config.hpp"

namespace promised::config {

enum class Mode { system, user };

struct Defaults {
  std::string config_file;  ///< read if it exists
  std::string endpoint;
  std::string state_dir;
};

/// A user's daemon lives under $XDG_CONFIG_HOME, $XDG_RUNTIME_DIR and $XDG_STATE_HOME, or where those point
/// by convention. Without a runtime directory it is /tmp/promised-UID, which the daemon makes for itself
/// alone.
[[nodiscard]] Defaults defaults_for(Mode mode, const Environment& environment);

}  // namespace promised::config
