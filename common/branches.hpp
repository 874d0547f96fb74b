// SPDX-License-Identifier: Apache-2.0
// Which branch is taken when a job has ended (SEMANTICS C1): the daemon's rule, and that of a client that has
// an outcome which the daemon has no more.
#pragma once

#include <promised/types.hpp>

namespace promised {

/// Whether what follows a job in this way has its turn when that has ended so. Cancelling is nobody's
/// failure: what is to happen then too follows with `done`.
[[nodiscard]] constexpr bool is_taken(Follows how, State ended) {
  switch (how) {
    case Follows::success:
      return ended == State::succeeded;
    case Follows::failure:
      return ended == State::failed || ended == State::expired;
    case Follows::done:
      return is_ended(ended);
    default:
      return false;
  }
}

}  // namespace promised
