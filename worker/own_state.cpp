// SPDX-License-Identifier: Apache-2.0
#include "worker/own_state.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace promised::detail {
namespace {

bool same(const struct sigaction& a, const struct sigaction& b) {
  return a.sa_handler == b.sa_handler && a.sa_flags == b.sa_flags &&
         std::memcmp(&a.sa_mask, &b.sa_mask, sizeof a.sa_mask) == 0;
}

}  // namespace

OwnState::OwnState() : ids_(ids()), limits_(limits()) {
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_);  // cannot fail: neither can what sets it
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    if (signal == SIGKILL || signal == SIGSTOP || ::sigaction(signal, nullptr, &action) != 0) continue;
    actions_.push_back({signal, action});
  }
  for (const __itimer_which timer : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
    itimerval now{};
    ::getitimer(timer, &now);
    if (now.it_value.tv_sec == 0 && now.it_value.tv_usec == 0) stopped_timers_.push_back(timer);
  }
  groups_.resize(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
  const int count = ::getgroups(static_cast<int>(groups_.size()), groups_.data());
  groups_.resize(static_cast<std::size_t>(std::max(0, count)));
  groups_now_.resize(groups_.size() + 1);
  may_change_ = ids_.effective == 0 || ids_.real != ids_.effective || ids_.real != ids_.saved;
}

std::string_view OwnState::restore() {
  ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  if (may_change_ && (ids() != ids_ || !has_own_groups())) return "its user or its groups";
  const auto now = Clock::now();
  if (now - looked_ < kBetweenLooks) return {};
  looked_ = now;
  stop_timers();
  restore_actions();
  if (!restore_limits()) return "a resource limit";
  return attributes_.restore();
}

bool OwnState::has_own_groups() {
  // More than there is room for is an error, and something else than before.
  const int count = ::getgroups(static_cast<int>(groups_now_.size()), groups_now_.data());
  return count == static_cast<int>(groups_.size()) &&
         std::equal(groups_.begin(), groups_.end(), groups_now_.begin());
}

void OwnState::stop_timers() const {
  constexpr itimerval kStopped{};
  for (const __itimer_which timer : stopped_timers_) ::setitimer(timer, &kStopped, nullptr);
}

void OwnState::restore_actions() const {
  for (const auto& [signal, action] : actions_) {
    struct sigaction found {};
    if (::sigaction(signal, nullptr, &found) == 0 && !same(found, action))
      ::sigaction(signal, &action, nullptr);
  }
}

bool OwnState::restore_limits() const {
  const Limits found = limits();
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool is_same = found[i].rlim_cur == limits_[i].rlim_cur && found[i].rlim_max == limits_[i].rlim_max;
    if (!is_same && ::setrlimit(static_cast<__rlimit_resource>(i), &limits_[i]) != 0) return false;
  }
  return true;
}

OwnState::Limits OwnState::limits() {
  Limits now{};
  for (std::size_t i = 0; i < now.size(); ++i) ::getrlimit(static_cast<__rlimit_resource>(i), &now[i]);
  return now;
}

OwnState::Ids OwnState::ids() {
  Ids now;
  ::getresuid(&now.real, &now.effective, &now.saved);  // these cannot fail either
  ::getresgid(&now.real_group, &now.effective_group, &now.saved_group);
  return now;
}

}  // namespace promised::detail
