// SPDX-License-Identifier: Apache-2.0
// What a daemon does on a state directory before it starts a worker there: ends what an earlier one left
// running.
#pragma once

#include "common/result.hpp"
#include "daemon/settings.hpp"
#include "daemon/spawner/spawner.hpp"

namespace promised {

/// Has the spawner take over (see there), and logs what it killed; what workers are held by from now on.
/// Called when the store is open: its lock says that no other daemon is on the directory.
[[nodiscard]] Result<Containment> take_over(const Settings& settings, Spawner& spawner);

}  // namespace promised
