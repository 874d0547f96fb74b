// SPDX-License-Identifier: Apache-2.0
#include "worker/own_state.hpp"

#include <unistd.h>

namespace promised::detail {

OwnState::OwnState() : ids_(ids()) {
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_);  // cannot fail: neither can what sets it
  may_change_ = ids_.effective == 0 || ids_.real != ids_.effective || ids_.real != ids_.saved;
}

bool OwnState::restore() const {
  ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  return !may_change_ || ids() == ids_;
}

OwnState::Ids OwnState::ids() {
  Ids now;
  ::getresuid(&now.real, &now.effective, &now.saved);  // these cannot fail either
  ::getresgid(&now.real_group, &now.effective_group, &now.saved_group);
  return now;
}

}  // namespace promised::detail
