// SPDX-License-Identifier: Apache-2.0
#include "worker/own_state.hpp"

#include <unistd.h>

#include <cstddef>

namespace promised::detail {

OwnState::OwnState() : ids_(ids()), limits_(limits()) {
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_);  // cannot fail: neither can what sets it
  may_change_ = ids_.effective == 0 || ids_.real != ids_.effective || ids_.real != ids_.saved;
}

bool OwnState::restore() {
  ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  return (!may_change_ || ids() == ids_) && restore_limits();
}

bool OwnState::restore_limits() {
  const auto now = Clock::now();
  if (now - looked_at_limits_ < kBetweenLooks) return true;
  looked_at_limits_ = now;
  const Limits found = limits();
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool same = found[i].rlim_cur == limits_[i].rlim_cur && found[i].rlim_max == limits_[i].rlim_max;
    if (same) continue;
    if (::setrlimit(static_cast<__rlimit_resource>(i), &limits_[i]) != 0) return false;
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
