// SPDX-License-Identifier: Apache-2.0
#include "worker/cpu_limit.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace promised::detail {

void CpuLimit::begin_job() const {
  if (seconds_ == 0) return;
  rusage used{};
  rlimit limit{};
  if (::getrusage(RUSAGE_SELF, &used) != 0 || ::getrlimit(RLIMIT_CPU, &limit) != 0) return;
  const auto micros = used.ru_utime.tv_usec + used.ru_stime.tv_usec;
  const auto whole = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (micros + 999'999) / 1'000'000;
  const rlim_t until = std::min<rlim_t>(static_cast<std::uint64_t>(whole) + seconds_, limit.rlim_max);
  if (limit.rlim_cur == until) return;
  limit.rlim_cur = until;
  // Below the hard limit nobody is refused.
  static_cast<void>(::setrlimit(RLIMIT_CPU, &limit));
}

}  // namespace promised::detail
