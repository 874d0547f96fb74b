// SPDX-License-Identifier: Apache-2.0
#include "client/endpoint.hpp"

#include <promised/client.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace promised {
namespace {

constexpr const char* kSystemSocket = "/run/promised/promised.sock";

bool is_directory(const std::string& path) {
  struct stat s {};
  return stat(path.c_str(), &s) == 0 && S_ISDIR(s.st_mode);
}

bool is_socket(const std::string& path) {
  struct stat s {};
  return stat(path.c_str(), &s) == 0 && S_ISSOCK(s.st_mode);
}

std::string user_directory() {
  const char* const xdg = std::getenv("XDG_RUNTIME_DIR");
  if (xdg != nullptr && *xdg != '\0') return std::string(xdg) + "/promised";
  const std::string uid = std::to_string(getuid());
  if (is_directory("/run/user/" + uid)) return "/run/user/" + uid + "/promised";
  return "/tmp/promised-" + uid;
}

}  // namespace

std::string default_endpoint() {
  const char* const given = std::getenv("PROMISED_ENDPOINT");
  if (given != nullptr && *given != '\0') return given;
  if (is_socket(kSystemSocket)) return std::string("ipc://") + kSystemSocket;
  return "ipc://" + user_directory() + "/promised.sock";
}

namespace detail {

std::string why_nobody_answers(const std::string& endpoint) {
  constexpr std::string_view kIpc = "ipc://";
  if (!endpoint.starts_with(kIpc)) return "nobody answers there";
  const std::string path = endpoint.substr(kIpc.size());
  struct stat s {};
  if (stat(path.c_str(), &s) != 0) {
    return errno == ENOENT ? "there is no such socket" : std::string("its socket: ") + std::strerror(errno);
  }
  if (!S_ISSOCK(s.st_mode)) return "that file is not a socket";
  if (access(path.c_str(), W_OK) != 0) {
    return std::string("its socket: ") + std::strerror(errno) + " for user " + std::to_string(geteuid());
  }
  return "nobody answers on its socket";
}

}  // namespace detail
}  // namespace promised
