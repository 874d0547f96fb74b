// SPDX-License-Identifier: Apache-2.0
#include "worker/cpu_limit.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace promised::detail {

CpuLimit::CpuLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CPU, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  seconds_ = until_ = limit.rlim_cur;
}

void CpuLimit::begin_job() {
  if (seconds_ == 0) return;
  rusage used{};
  rlimit limit{};
  if (::getrusage(RUSAGE_SELF, &used) != 0 || ::getrlimit(RLIMIT_CPU, &limit) != 0) return;
  const auto micros = used.ru_utime.tv_usec + used.ru_stime.tv_usec;
  const auto whole = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (micros + 999'999) / 1'000'000;
  const std::uint64_t until = static_cast<std::uint64_t>(whole) + seconds_;
  if (until == until_) return;
  limit.rlim_cur = std::min<rlim_t>(until, limit.rlim_max);
  // Below the hard limit nobody is refused; if it were, the job would have less, and say so when it is over.
  if (::setrlimit(RLIMIT_CPU, &limit) == 0) until_ = until;
}

}  // namespace promised::detail
