// SPDX-License-Identifier: Apache-2.0
// Whose daemon a client without an endpoint talks to. A file of its own, so that a test can give it folders
// of its own.
#pragma once

#include <string>

namespace promised::detail {

/// The path of the system's socket or of the user's own. It is the system's as long as the system's daemon is
/// there or about to be: a client that is made while that one restarts keeps its endpoint for good, and must
/// not end up with another daemon. So the folder decides, which the unit keeps over a restart. Only where
/// that is empty (a package made it, and the service has not run) and the user's own socket is there, it is
/// that.
[[nodiscard]] std::string chosen_socket(const std::string& system_socket, const std::string& own_socket);

}  // namespace promised::detail
