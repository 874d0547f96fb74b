// SPDX-License-Identifier: Apache-2.0
// What /proc tells of the processes under test.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace promised::test {

/// No such process, or only its corpse.
[[nodiscard]] bool is_gone(pid_t pid);
/// Nothing (0) where there is no such process.
[[nodiscard]] pid_t parent_of(pid_t pid);
[[nodiscard]] std::vector<pid_t> children_of(pid_t pid);
/// Its command line; empty for a corpse.
[[nodiscard]] std::string command_of(pid_t pid);
[[nodiscard]] std::size_t open_files_of(pid_t pid);

struct Resident {
  std::uint64_t now = 0;   ///< KiB
  std::uint64_t most = 0;  ///< so far
};
[[nodiscard]] Resident resident_kib(pid_t pid);

}  // namespace promised::test
