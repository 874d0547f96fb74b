// SPDX-License-Identifier: Apache-2.0
// Queues as the command line calls them.
#pragma once

#include <optional>
#include <string>

#include "cli/invocation.hpp"

namespace promised::cli {

/// `name`, unless it is empty: then it throws UsageError, in which `what` says where it stands. All else of
/// it is the daemon's to judge.
[[nodiscard]] const std::string& queue_name(const std::string& name, const std::string& what);
/// The value of --queue, likewise; nothing if it is not given.
[[nodiscard]] std::optional<std::string> queue_option(const Invocation& invocation);

}  // namespace promised::cli
