// SPDX-License-Identifier: Apache-2.0
// What a process is that runs one job after the other, and what is put back behind a job that has changed it.
#pragma once

#include <signal.h>
#include <sys/types.h>

namespace promised::detail {

class OwnState {
 public:
  /// As it is before the first job, on the thread that runs the jobs.
  OwnState();

  /// After a job: the signal mask is as it was. One system call, and two more where the process may change
  /// its user. False: it has become another user, or member of another group, which cannot be undone: no
  /// further job may run in it.
  [[nodiscard]] bool restore() const;

 private:
  struct Ids {
    uid_t real = 0, effective = 0, saved = 0;
    gid_t real_group = 0, effective_group = 0, saved_group = 0;
    friend bool operator==(const Ids&, const Ids&) = default;
  };
  static Ids ids();

  sigset_t mask_{};
  Ids ids_;
  bool may_change_;  ///< its user; one that is not privileged may not
};

}  // namespace promised::detail
