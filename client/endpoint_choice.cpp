// SPDX-License-Identifier: Apache-2.0
#include "client/endpoint_choice.hpp"

#include <sys/stat.h>

namespace promised::detail {
namespace {

bool exists(const std::string& path) {
  struct stat s {};
  return stat(path.c_str(), &s) == 0;
}

}  // namespace

std::string chosen_socket(const std::string& system_socket, const std::string& own_socket) {
  // The lock is what a daemon leaves beside its socket when it goes.
  if (exists(system_socket) || exists(system_socket + ".lock")) return system_socket;
  const bool has_folder = exists(system_socket.substr(0, system_socket.rfind('/')));
  return has_folder && !exists(own_socket) ? system_socket : own_socket;
}

}  // namespace promised::detail
