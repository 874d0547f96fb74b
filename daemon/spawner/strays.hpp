// SPDX-License-Identifier: Apache-2.0
// What /proc tells of processes that a worker left behind: orphans, which the kernel has made the spawner's
// children.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/result.hpp"

namespace promised {

/// In the environment of every worker, and so of what it starts: the number of the worker. Tells whose an
/// orphan is that has made a session of its own.
inline constexpr char kWorkerVariable[] = "PROMISED_WORKER";

/// The children of the calling thread, whether they live or wait to be reaped.
[[nodiscard]] Result<std::vector<pid_t>> children_of_this_thread();

/// Nothing if there is no such process any more.
[[nodiscard]] std::optional<pid_t> session_of(pid_t pid);

/// The worker's number in the environment that the process was started with; nothing if it is not there.
[[nodiscard]] std::optional<std::uint32_t> worker_of(pid_t pid);

}  // namespace promised
