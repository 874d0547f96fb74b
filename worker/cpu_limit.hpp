// SPDX-License-Identifier: Apache-2.0
// The pool's cpu_time. The kernel keeps such a limit for a process and all of its life (RLIMIT_CPU); a worker
// is started with what one job may use, and moves the limit on before each.
#pragma once

#include <cstdint>

namespace promised::detail {

class CpuLimit {
 public:
  /// Reads the limit that this process was started with.
  CpuLimit();

  /// From now on there is all of it again, to the whole second that the kernel counts in. Nothing where there
  /// is no limit.
  void begin_job();

 private:
  std::uint64_t seconds_ = 0;  ///< of a job; 0: no limit
  std::uint64_t until_ = 0;    ///< what the limit stands at
};

}  // namespace promised::detail
