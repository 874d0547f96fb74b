// SPDX-License-Identifier: Apache-2.0
// Callbacks of one owner whose turn has come, and that wait until there is room in memory for the outcome
// that each gets a copy of. What they follow is kept until then, and so they need no row of their own: after
// a restart they are those that wait although what they follow has ended.
#pragma once

#include <promised/types.hpp>

#include <map>

#include "common/clock.hpp"

namespace promised {

struct Followers {
  struct Waiting {
    JobId id;
    JobId parent;
  };
  std::map<WallTime, Waiting> waiting;  ///< by their submission: those that came first go first
  /// It has gone although there was no room: one always may, so that a limit holds nobody up for ever. Empty:
  /// none has.
  JobId beyond;
};

}  // namespace promised
