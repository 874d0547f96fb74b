// SPDX-License-Identifier: Apache-2.0
// The sections [daemon], [limits] and [access]: what each of their keys means.
#pragma once

#include <string>

#include "common/result.hpp"
#include "daemon/config.hpp"
#include "daemon/config/file.hpp"
#include "daemon/settings.hpp"

namespace promised::config {

/// What the keys of [daemon] say, beyond what is in Settings.
struct DaemonSection {
  std::string pools_dir;
  Place pools_dir_place;
  bool has_endpoint_mode = false;
  bool without_pools = false;  ///< pools = none
  Place pools_place;
};

[[nodiscard]] Result<DaemonSection> read_daemon(const Section& section, const Environment& environment,
                                                Settings& settings);
[[nodiscard]] Result<void> read_limits(const Section& section, Limits& limits);
[[nodiscard]] Result<void> read_access(const Section& section, const Environment& environment,
                                       Access& access);

}  // namespace promised::config
