// SPDX-License-Identifier: Apache-2.0
// The pool's cpu_time. The kernel keeps such a limit for a process and all of its life (RLIMIT_CPU), so it is
// set anew when a job begins, in the process that runs it. Before the first job there is none, and none in a
// worker whose jobs have processes of their own.
#pragma once

#include <cstdint>

namespace promised::detail {

class CpuLimit {
 public:
  CpuLimit() = default;
  /// What one job may use; 0: no limit.
  explicit CpuLimit(std::uint64_t seconds) : seconds_(seconds) {}

  /// From now on there is all of it, to the whole second that the kernel counts in, whatever the job before
  /// has made of the limit. Nothing where there is no limit.
  void begin_job() const;

 private:
  std::uint64_t seconds_ = 0;
};

}  // namespace promised::detail
