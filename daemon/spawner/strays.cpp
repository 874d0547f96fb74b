// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/strays.hpp"

#include <unistd.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <string_view>

namespace promised {

Result<std::vector<pid_t>> children_of_this_thread() {
  const std::string path = "/proc/thread-self/children";
  std::ifstream file(path);
  if (!file) return Problem::system(path);
  std::vector<pid_t> pids;
  for (pid_t pid = 0; file >> pid;) pids.push_back(pid);
  return pids;
}

std::optional<pid_t> session_of(pid_t pid) {
  const pid_t session = ::getsid(pid);
  if (session < 0) return std::nullopt;
  return session;
}

std::optional<std::uint32_t> worker_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/environ", std::ios::binary);
  const std::string environment{std::istreambuf_iterator<char>(file), {}};
  const std::string key = std::string(kWorkerVariable) + "=";
  for (std::size_t at = 0; at < environment.size(); at = environment.find('\0', at) + 1) {
    const std::string_view rest = std::string_view(environment).substr(at);
    const std::string_view variable = rest.substr(0, rest.find('\0'));
    if (variable.starts_with(key)) {
      std::uint32_t number = 0;
      const char* end = variable.data() + variable.size();
      const auto [stop, error] = std::from_chars(variable.data() + key.size(), end, number);
      if (error == std::errc() && stop == end) return number;
    }
    if (rest.find('\0') == std::string_view::npos) break;
  }
  return std::nullopt;
}

}  // namespace promised
