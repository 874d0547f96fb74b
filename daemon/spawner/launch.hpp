// SPDX-License-Identifier: Apache-2.0
// What a new process does between fork and exec to become a worker.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "common/fd.hpp"
#include "daemon/spawner/cgroup.hpp"
#include "daemon/spawner/spawner.hpp"

namespace promised {

/// Its descriptors, under whatever numbers.
struct LaunchFds {
  Fd channel;
  Fd worker_page;
  Fd output;
  Fd cgroup;  ///< the file by which it joins its cgroup; none: it has none
};

/// Turns the calling process into the worker that `request` asks for. Where that fails, writes the reason to
/// `status` (a pipe that exec closes) and exits with 127. `spawner` is the parent: when that is gone, so is
/// this. Limits whose controller is not among those `by_cgroup` are the process's own. `open_files`: see
/// apply_limits().
[[noreturn]] void launch(SpawnRequest request, LaunchFds fds, CgroupControllers by_cgroup,
                         std::uint64_t open_files, Fd status, pid_t spawner);

}  // namespace promised
