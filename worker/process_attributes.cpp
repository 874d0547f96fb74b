// SPDX-License-Identifier: Apache-2.0
#include "worker/process_attributes.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace promised::detail {
namespace {

int signal_at_end_of_parent() {
  int signal = 0;
  ::prctl(PR_GET_PDEATHSIG, &signal);
  return signal;
}

// umask() tells it by changing it, for every thread of the program: what one of them makes meanwhile would be
// readable by its user alone.
mode_t current_umask() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    constexpr std::string_view kUmask = "Umask:";
    if (line.starts_with(kUmask)) return static_cast<mode_t>(std::stoul(line.substr(kUmask.size()), {}, 8));
  }
  const mode_t found = ::umask(077);  // without /proc there is no other way
  ::umask(found);
  return found;
}

// What can be set: 2, which the kernel alone gives, counts as 0.
bool is_dumpable() {
  return ::prctl(PR_GET_DUMPABLE) == 1;
}

}  // namespace

ProcessAttributes::ProcessAttributes()
    : place_(place()),
      umask_(current_umask()),
      parent_(::getppid()),
      signal_at_its_end_(signal_at_end_of_parent()),
      dumpable_(is_dumpable()),
      name_(name()),
      timer_slack_(::prctl(PR_GET_TIMERSLACK)),
      nice_(::getpriority(PRIO_PROCESS, 0)),
      policy_(::sched_getscheduler(0)) {
  std::error_code unknown;
  directory_ = std::filesystem::current_path(unknown);
  ::sched_getparam(0, &priority_);
  // On a machine of more processors than there is room for here they are not looked at: it stays empty.
  ::sched_getaffinity(0, sizeof processors_, &processors_);
}

std::string_view ProcessAttributes::restore() const {
  ::umask(umask_);
  if (is_dumpable() != dumpable_) ::prctl(PR_SET_DUMPABLE, dumpable_ ? 1 : 0);
  if (name() != name_) ::prctl(PR_SET_NAME, name_.data());
  if (::prctl(PR_GET_TIMERSLACK) != timer_slack_)
    ::prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(timer_slack_));
  if (!restore_directory()) return "its working directory";
  if (!restore_end_with_parent()) return "the signal that it gets when its parent ends";
  if (!restore_scheduling()) return "its priority, scheduling policy or processors";
  return {};
}

bool ProcessAttributes::restore_directory() const {
  if (place() == place_) return true;
  // What has its name now may be another one.
  return ::chdir(directory_.c_str()) == 0 && place() == place_;
}

bool ProcessAttributes::restore_end_with_parent() const {
  if (signal_at_end_of_parent() == signal_at_its_end_) return true;
  return ::prctl(PR_SET_PDEATHSIG, signal_at_its_end_) == 0 && ::getppid() == parent_;
}

// Of the nice value and the policy a user may go one way only.
bool ProcessAttributes::restore_scheduling() const {
  if (::sched_getscheduler(0) != policy_ && ::sched_setscheduler(0, policy_, &priority_) != 0) return false;
  if (::getpriority(PRIO_PROCESS, 0) != nice_ && ::setpriority(PRIO_PROCESS, 0, nice_) != 0) return false;
  cpu_set_t now{};
  ::sched_getaffinity(0, sizeof now, &now);
  return CPU_EQUAL(&now, &processors_) || ::sched_setaffinity(0, sizeof processors_, &processors_) == 0;
}

ProcessAttributes::Place ProcessAttributes::place() {
  struct stat found {};
  if (::stat(".", &found) != 0) return {};
  return {found.st_dev, found.st_ino};
}

ProcessAttributes::Name ProcessAttributes::name() {
  Name found{};
  ::prctl(PR_GET_NAME, found.data());
  return found;
}

}  // namespace promised::detail
