// SPDX-License-Identifier: Apache-2.0
// How much memory a process takes, for pools that replace workers that have grown (recycle_memory).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "common/result.hpp"

namespace promised {

/// Bytes resident, as /proc tells them; nothing if there is no such process any more, or its /proc is hidden
/// (mount option hidepid).
[[nodiscard]] Result<std::optional<std::uint64_t>> resident_size(pid_t pid);

}  // namespace promised
