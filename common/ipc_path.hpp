// SPDX-License-Identifier: Apache-2.0
// Endpoints as people write them: the daemon and its clients meet at a socket file, and at nothing else.
#pragma once

#include <string>
#include <string_view>

#include "common/result.hpp"

namespace promised {

/// The absolute path in `endpoint`, which is ipc://PATH, if it fits into a socket's address. A Problem says
/// what was expected and what was found.
[[nodiscard]] Result<std::string> ipc_path(std::string_view endpoint);

}  // namespace promised
