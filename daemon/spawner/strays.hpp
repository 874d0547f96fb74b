// SPDX-License-Identifier: Apache-2.0
// What /proc tells of processes that a worker left behind: orphans, which the kernel has made children of the
// spawner, or of the daemon where the spawner was killed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"

namespace promised {

/// In the environment of every worker, and so of what it starts: the number of the worker. Tells whose an
/// orphan is that has made a session of its own.
inline constexpr char kWorkerVariable[] = "PROMISED_WORKER";

/// The children of the calling thread, whether they live or wait to be reaped.
[[nodiscard]] Result<std::vector<pid_t>> children_of_this_thread();

/// Kills and reaps all children of the calling thread but `spared`, and what becomes a child of it by that,
/// until there are no more. Those that it may not kill, because they belong to another user; it does not wait
/// for them.
[[nodiscard]] Result<std::vector<pid_t>> end_children(const std::vector<pid_t>& spared = {});

/// Nothing if there is no such process any more.
[[nodiscard]] std::optional<pid_t> session_of(pid_t pid);

/// When the process was started, in the kernel's ticks since boot: with its pid, this stands for it alone.
/// Nothing if it has ended, reaped or not.
[[nodiscard]] std::optional<std::uint64_t> started_at(pid_t pid);

/// A variable of the environment that the process was started with; nothing if it is not there, or may not be
/// read. Its owner's processes can be read by root even where root may not trace them.
[[nodiscard]] std::optional<std::string> variable_of(pid_t pid, std::string_view name);

/// The worker's number in that environment.
[[nodiscard]] std::optional<std::uint32_t> worker_of(pid_t pid);

/// Its command line, as one line; its name where it has none.
[[nodiscard]] std::string command_of(pid_t pid);

}  // namespace promised
