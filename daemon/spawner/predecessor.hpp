// SPDX-License-Identifier: Apache-2.0
// What an earlier daemon on the same state directory left running when it was killed together with its
// spawner: nobody had been left to end it (SEMANTICS I4).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace promised {

/// What a spawner of the daemon on `state` marks its workers with (kStateVariable): the state directory, and
/// the spawner itself.
[[nodiscard]] std::string mark_of(const std::string& state, pid_t spawner);

struct Leftover {
  pid_t pid = 0;
  std::string command;
  friend bool operator==(const Leftover&, const Leftover&) = default;
};

/// Kills the processes that carry a mark of `state` whose spawner has ended, and waits until they are gone;
/// says which. Only those of `users` are touched (all, if root is one of these): whoever else carries the
/// mark has taken it from somewhere. Called while no other daemon can be on `state`.
[[nodiscard]] std::vector<Leftover> end_left_by_predecessor(const std::string& state,
                                                            std::span<const uid_t> users);

}  // namespace promised
