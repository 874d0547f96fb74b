// SPDX-License-Identifier: Apache-2.0
// What a process is beside its memory, its user, its signals and its limits, and what a job may make of it:
// where it is, what its new files may be read by, and how the kernel treats its thread.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <array>
#include <filesystem>
#include <string_view>

namespace promised::detail {

class ProcessAttributes {
 public:
  /// As they are before the first job, on the thread that runs the jobs.
  ProcessAttributes();

  /// They are so again: the working directory, the umask, the signal at the parent's end, whether /proc shows
  /// the process to its user (PR_SET_DUMPABLE), its name, its timer slack, its nice value, its scheduling
  /// policy and its processors. Nine system calls where nothing has changed. Returns which cannot be put
  /// back, as part of a sentence (its parent may have ended while it would not have been told). Else empty.
  [[nodiscard]] std::string_view restore() const;

 private:
  struct Place {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  using Name = std::array<char, 16>;

  static Place place();
  static Name name();
  [[nodiscard]] bool restore_directory() const;
  [[nodiscard]] bool restore_end_with_parent() const;
  [[nodiscard]] bool restore_scheduling() const;

  std::filesystem::path directory_;  ///< empty: it cannot be told
  Place place_;
  mode_t umask_;
  pid_t parent_;
  int signal_at_its_end_ = 0;
  bool dumpable_;
  Name name_;
  int timer_slack_;
  int nice_;
  int policy_;
  sched_param priority_{};
  cpu_set_t processors_{};
};

}  // namespace promised::detail
