// SPDX-License-Identifier: Apache-2.0
// What a process is that runs one job after the other, and what is put back behind a job that has changed it.
#pragma once

#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <chrono>

namespace promised::detail {

class OwnState {
 public:
  /// As it is before the first job, on the thread that runs the jobs.
  OwnState();

  /// After a job: the signal mask is as it was, and so are the resource limits, which are looked at once in a
  /// millisecond, for each is a system call. The mask is one, and the user two more where the process may
  /// change it. False: it has become another user, or member of another group, or has lowered a hard limit,
  /// which cannot be undone: no further job may run in it.
  [[nodiscard]] bool restore();

 private:
  struct Ids {
    uid_t real = 0, effective = 0, saved = 0;
    gid_t real_group = 0, effective_group = 0, saved_group = 0;
    friend bool operator==(const Ids&, const Ids&) = default;
  };
  using Clock = std::chrono::steady_clock;
  using Limits = std::array<rlimit, RLIM_NLIMITS>;
  static constexpr std::chrono::milliseconds kBetweenLooks{1};

  static Ids ids();
  static Limits limits();
  [[nodiscard]] bool restore_limits();

  sigset_t mask_{};
  Ids ids_;
  Limits limits_;
  Clock::time_point looked_at_limits_{};
  bool may_change_;  ///< its user; one that is not privileged may not
};

}  // namespace promised::detail
