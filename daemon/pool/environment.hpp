// SPDX-License-Identifier: Apache-2.0
// The environment that a worker program is started with: a closed one, so that nothing of the daemon's leaks
// into jobs and a job finds the same things whoever started the daemon.
#pragma once

#include <string>
#include <vector>

#include "daemon/settings.hpp"

namespace promised {

/// KEY=VALUE, sorted by key: PATH, LANG, PROMISED_POOL, PROMISED_ENDPOINT, and then the pool's own, which
/// wins. What names the user is added where the worker becomes that user (daemon/spawner/launch.cpp): the
/// answer who that is may come from another machine, and the loop does not wait for it.
[[nodiscard]] std::vector<std::string> worker_environment(const Settings& settings, const PoolSettings& pool);

}  // namespace promised
