// SPDX-License-Identifier: Apache-2.0
// What promisectl's exit status says; docs/promisectl.md promises these to scripts.
#pragma once

namespace promised::cli {

enum class ExitCode : int {
  fine = 0,
  failed = 1,     ///< the job failed, was cancelled or expired; `status`: the daemon is degraded
  no_daemon = 2,  ///< nobody answers at the endpoint
  usage = 3,      ///< the command line is wrong
  refused = 4,    ///< the daemon refused, there is no such future, or the command had no effect
  timed_out = 5,  ///< --timeout was over first; the job goes on (not with --abandon)
  internal = 6    ///< promisectl itself could not go on, such as a full disk behind stdout
};

}  // namespace promised::cli
