// SPDX-License-Identifier: Apache-2.0
// What a path leads to, in words for who expected an ordinary file there.
#pragma once

#include <sys/stat.h>

#include <string_view>

namespace promised {

/// Of `st_mode`, with the article: "a directory".
[[nodiscard]] inline std::string_view kind_of_file(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "a file";
    case S_IFDIR:
      return "a directory";
    case S_IFIFO:
      return "a named pipe (FIFO)";
    case S_IFSOCK:
      return "a socket";
    default:
      return "a device";
  }
}

}  // namespace promised
