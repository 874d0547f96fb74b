// SPDX-License-Identifier: Apache-2.0
// What a process is that runs one job after the other, and what is put back behind a job that has changed it.
#pragma once

#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/types.h>

#include <array>
#include <chrono>
#include <string_view>
#include <vector>

#include "worker/process_attributes.hpp"

namespace promised::detail {

class OwnState {
 public:
  /// As it is before the first job, on the thread that runs the jobs.
  OwnState();

  /// After a job: the signal mask is as it was. So are what the process does at each signal, the resource
  /// limits and the attributes, and no timer runs (setitimer, alarm) but those of the program; these take
  /// many system calls, so they are looked at once in a millisecond. The mask is one, and the user three more
  /// where the process may change it. Returns what cannot be put back, as part of a sentence (it has become
  /// another user, or member of other groups, or has lowered a hard limit or its priority): then no further
  /// job may run in it. Else empty.
  [[nodiscard]] std::string_view restore();

 private:
  struct Ids {
    uid_t real = 0, effective = 0, saved = 0;
    gid_t real_group = 0, effective_group = 0, saved_group = 0;
    friend bool operator==(const Ids&, const Ids&) = default;
  };
  struct Action {
    int signal;
    struct sigaction action;
  };
  using Clock = std::chrono::steady_clock;
  using Limits = std::array<rlimit, RLIM_NLIMITS>;
  static constexpr std::chrono::milliseconds kBetweenLooks{1};

  static Ids ids();
  static Limits limits();
  [[nodiscard]] bool has_own_groups();
  void stop_timers() const;
  void restore_actions() const;
  [[nodiscard]] bool restore_limits() const;

  sigset_t mask_{};
  std::vector<Action> actions_;
  std::vector<__itimer_which> stopped_timers_;
  Ids ids_;
  std::vector<gid_t> groups_;
  std::vector<gid_t> groups_now_;  ///< has room for one more
  Limits limits_;
  ProcessAttributes attributes_;
  Clock::time_point looked_{};
  bool may_change_;  ///< its user; one that is not privileged may not
};

}  // namespace promised::detail
