// SPDX-License-Identifier: Apache-2.0
#include "common/ipc_path.hpp"

#include <sys/un.h>

namespace promised {

Result<std::string> ipc_path(std::string_view endpoint) {
  constexpr std::string_view kScheme = "ipc://";
  constexpr std::size_t kMost = sizeof(sockaddr_un{}.sun_path) - 1;
  if (!endpoint.starts_with("ipc:///")) {
    return Problem::of(
        "value", "expected ipc:// and an absolute path, such as ipc:///run/promised/promised.sock, found '" +
                     std::string(endpoint) + "'");
  }
  std::string path(endpoint.substr(kScheme.size()));
  if (path.size() > kMost) {
    return Problem::of("value", "the path of a socket has at most " + std::to_string(kMost) +
                                    " bytes, but '" + path + "' has " + std::to_string(path.size()));
  }
  return path;
}

}  // namespace promised
