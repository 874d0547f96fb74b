// SPDX-License-Identifier: Apache-2.0
#include "client/endpoint.hpp"

#include <promised/client.hpp>
#include <promised/error.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "client/endpoint_choice.hpp"
#include "common/ipc_path.hpp"

namespace promised {
namespace {

constexpr const char* kSystemSocket = "/run/promised/promised.sock";

bool is_directory(const std::string& path) {
  struct stat s {};
  return stat(path.c_str(), &s) == 0 && S_ISDIR(s.st_mode);
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
  return "ipc://" + detail::chosen_socket(kSystemSocket, user_directory() + "/promised.sock");
}

namespace detail {

std::string resolved_endpoint(const std::string& given) {
  const std::string endpoint = given.empty() ? default_endpoint() : given;
  if (const auto path = ipc_path(endpoint); !path) {
    const char* const variable = std::getenv("PROMISED_ENDPOINT");
    const bool by_variable = variable != nullptr && *variable != '\0';
    const std::string which = !given.empty() ? "the endpoint of the daemon"
                              : by_variable  ? "PROMISED_ENDPOINT"
                                             : "the default endpoint (set PROMISED_ENDPOINT to another)";
    throw Error(which + ": " + path.problem().message);
  }
  return endpoint;
}

std::string why_nobody_answers(const std::string& endpoint) {
  const std::string path = ipc_path(endpoint).value();
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
