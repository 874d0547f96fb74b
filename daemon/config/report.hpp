// SPDX-License-Identifier: Apache-2.0
// What `promised --check` prints: the settings as they came out, and what is likely to go wrong with them.
#pragma once

#include <string>
#include <vector>

#include "daemon/config.hpp"

namespace promised::config {

/// What does not stop the daemon but will make a pool fail: a program that is missing or not executable, a
/// directory that is not there, a user that does not exist or that only a daemon started by root can become.
[[nodiscard]] std::vector<std::string> warnings(const Invocation& invocation, const Environment& environment);

[[nodiscard]] std::string report(const Invocation& invocation, const Environment& environment);

}  // namespace promised::config
