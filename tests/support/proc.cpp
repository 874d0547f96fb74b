// SPDX-License-Identifier: Apache-2.0
#include "tests/support/proc.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <sstream>

#include "tests/support/temp_directory.hpp"

namespace promised::test {
namespace {

std::filesystem::path proc(pid_t pid) {
  return "/proc/" + std::to_string(pid);
}

struct Stat {
  char state = 'X';
  pid_t parent = 0;
};

// "pid (name) state ppid ...": the name may hold anything, so look behind the last parenthesis.
Stat stat_of(pid_t pid) {
  const std::string line = read_file(proc(pid) / "stat");
  Stat stat;
  if (const auto end = line.rfind(')'); end != std::string::npos) {
    std::istringstream(line.substr(end + 1)) >> stat.state >> stat.parent;
  }
  return stat;
}

}  // namespace

bool is_gone(pid_t pid) {
  const char state = stat_of(pid).state;
  return state == 'Z' || state == 'X';
}

pid_t parent_of(pid_t pid) {
  return stat_of(pid).parent;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code gone;
  std::filesystem::directory_iterator task(proc(pid) / "task", gone);
  for (; !gone && task != std::filesystem::directory_iterator(); task.increment(gone)) {
    std::istringstream text(read_file(task->path() / "children"));
    children.insert(children.end(), std::istream_iterator<pid_t>(text), {});
  }
  return children;
}

std::string command_of(pid_t pid) {
  std::string line = read_file(proc(pid) / "cmdline");
  std::replace(line.begin(), line.end(), '\0', ' ');
  return line;
}

std::size_t open_files_of(pid_t pid) {
  const std::filesystem::directory_iterator all(proc(pid) / "fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

Resident resident_kib(pid_t pid) {
  std::istringstream status(read_file(proc(pid) / "status"));
  Resident resident;
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") status >> resident.now;
    if (word == "VmHWM:") status >> resident.most;
  }
  return resident;
}

}  // namespace promised::test
