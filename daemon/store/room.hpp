// SPDX-License-Identifier: Apache-2.0
// Whether a disk has room for a copy of the store, and whether the daemon is left with enough of it.
#pragma once

#include <promised/views.hpp>

#include <cstdint>
#include <string>

#include "common/result.hpp"

namespace promised {

/// What a copy leaves free on the disk that the daemon works on, in bytes.
inline constexpr std::uint64_t kRoomToLeave = std::uint64_t{64} << 20;

struct Room {
  std::string directory;   ///< where the copy is to be
  bool is_shared = false;  ///< with the state directory
  std::uint64_t free = 0;  ///< bytes, for who is not root
};
/// As it is now. Problem "store".
[[nodiscard]] Result<Room> look_for_room(const std::string& directory, const std::string& state_directory);

/// Before a copy of `needed` bytes begins. Problem "store" with what is needed, what there is, and what to
/// do.
[[nodiscard]] Result<void> check_room(const Room& room, std::uint64_t needed, StoreTask task);
/// While it grows: others need room too.
[[nodiscard]] Result<void> check_room_left(const Room& room);

}  // namespace promised
