// SPDX-License-Identifier: Apache-2.0
// What the kernel tells of a process, as far as whose it is depends on that. Nothing here changes one. All
// but a child that has not been reaped may have ended by the time that the answer is there, and its number
// may stand for another.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"
#include "daemon/nouns.hpp"

namespace promised {

/// The children of the calling thread, whether they live or wait to be reaped.
[[nodiscard]] Result<std::vector<pid_t>> children_of_this_thread();

/// Whether this child has ended, and waits to be reaped.
[[nodiscard]] bool has_ended(pid_t child);

/// The signal at which this child stands still until its tracer has decided about it, where that is the
/// calling thread: a child can make its parent that (PTRACE_TRACEME).
[[nodiscard]] std::optional<int> held_up_at(pid_t child);

/// Nothing if nobody traces it, or there is no such process any more.
[[nodiscard]] std::optional<pid_t> tracer_of(pid_t pid);
[[nodiscard]] std::optional<pid_t> parent_of(pid_t pid);

/// All processes that there are.
[[nodiscard]] std::vector<pid_t> all_processes();

/// Whose it is; nothing if there is no such process any more.
[[nodiscard]] std::optional<uid_t> user_of(pid_t pid);

/// Nothing if there is no such process any more.
[[nodiscard]] std::optional<pid_t> session_of(pid_t pid);

/// When the process was started, in the kernel's ticks since boot: with its pid, this stands for it alone.
/// Nothing if it has ended, reaped or not.
[[nodiscard]] std::optional<std::uint64_t> started_at(pid_t pid);

/// A variable of the environment that the process was started with; nothing if it is not there, or may not be
/// read. Its owner's processes can be read by root even where root may not trace them.
[[nodiscard]] std::optional<std::string> variable_of(pid_t pid, std::string_view name);

/// The worker that it, or what has started it, was at its start, by that environment (kWorkerVariable).
[[nodiscard]] std::optional<WorkerId> worker_of(pid_t pid);

/// Its command line, as one line; its name where it has none.
[[nodiscard]] std::string command_of(pid_t pid);

}  // namespace promised
