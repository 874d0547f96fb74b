// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/room.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "common/units.hpp"

namespace promised {
namespace {

/// To whole MiB, for people.
std::string rounded_up(std::uint64_t bytes) {
  constexpr std::uint64_t kMebi = std::uint64_t{1} << 20;
  return format_size((bytes + kMebi - 1) / kMebi * kMebi);
}

}  // namespace

Result<Room> look_for_room(const std::string& directory, const std::string& state_directory) {
  struct statvfs disk {};
  struct stat there {
  }, here{};
  if (::statvfs(directory.c_str(), &disk) != 0 || ::stat(directory.c_str(), &there) != 0 ||
      ::stat(state_directory.c_str(), &here) != 0) {
    return Problem::of("store", Problem::system("cannot ask how much room there is in " + directory).message);
  }
  return Room{directory, there.st_dev == here.st_dev, std::uint64_t{disk.f_bavail} * disk.f_frsize};
}

Result<void> check_room(const Room& room, std::uint64_t needed, StoreTask task) {
  if (room.free >= needed + (room.is_shared ? kRoomToLeave : 0)) return {};
  std::string text =
      "there is no room for a copy of the store in " + room.directory + ": it needs " + rounded_up(needed);
  if (room.is_shared)
    text += ", with " + format_size(kRoomToLeave) + " to stay free for the daemon's own work";
  text += ", and " + rounded_up(room.free) + " are free; ";
  text +=
      task == StoreTask::check
          ? "free some, or run `promisectl store backup DIRECTORY` with a directory on another disk, which "
            "checks what it copies"
          : "free some, or name a directory on another disk";
  return Problem::of("store", text);
}

Result<void> check_room_left(const Room& room) {
  if (!room.is_shared || room.free >= kRoomToLeave) return {};
  return Problem::of("store",
                     "the copy of the store in " + room.directory +
                         " was given up half-way: the disk is filling up, and " + format_size(kRoomToLeave) +
                         " are to stay free for the daemon's own work; free some, or have the backup "
                         "made on another disk");
}

}  // namespace promised
