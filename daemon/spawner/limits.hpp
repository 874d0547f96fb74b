// SPDX-License-Identifier: Apache-2.0
// The limits of one worker that the kernel keeps for a process (rlimits), and its place among the others.
#pragma once

#include <cstdint>

#include "common/result.hpp"
#include "daemon/spawner/spawner.hpp"

namespace promised {

/// What may need privileges: before the process becomes its user, in the session that is to be the worker's.
/// Where the request does not limit open files the soft limit is `open_files`; 0: as it is.
[[nodiscard]] Result<void> apply_limits(const SpawnRequest& request, std::uint64_t open_files);

/// What binds the user: after that. Not for a worker whose cgroup keeps this.
[[nodiscard]] Result<void> limit_processes(const SpawnRequest& request);

/// What binds this process too: last. The same.
[[nodiscard]] Result<void> limit_memory(const SpawnRequest& request);

}  // namespace promised
