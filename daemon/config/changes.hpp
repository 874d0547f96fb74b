// SPDX-License-Identifier: Apache-2.0
// What a configuration that was read anew changes in the one that is in force.
#pragma once

#include <promised/views.hpp>

#include "daemon/settings.hpp"

namespace promised::config {

/// Makes `current` what `next` says, as far as it can change while the daemon runs: limits, access,
/// log_level, stop_grace and the pools. What only the next start can take up stays as it is. The report tells
/// both.
[[nodiscard]] ReloadReport apply_changes(Settings& current, const Settings& next);

}  // namespace promised::config
