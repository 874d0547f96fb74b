// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/process_facts.hpp"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <system_error>

#include "common/fd.hpp"
#include "common/units.hpp"
#include "common/worker_marks.hpp"

namespace promised {
namespace {

std::string path_of(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

std::string read_all(const Fd& fd) {
  std::string text;
  std::array<char, 4096> part;
  for (ssize_t n = 1; n > 0 || (n < 0 && errno == EINTR);) {
    n = ::read(fd.get(), part.data(), part.size());
    if (n > 0) text.append(part.data(), static_cast<std::size_t>(n));
  }
  return text;
}

// The kernel lets a process look into those of its own user, and root into all only with CAP_SYS_PTRACE,
// which a hardened service has not. So root looks as their owner.
Fd open_as_owner(pid_t pid, const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.valid() || errno != EACCES || ::geteuid() != 0) return fd;
  struct stat owner {};
  if (::stat(path_of(pid, "").c_str(), &owner) != 0) return fd;
  int at_end_of_parent = 0;  // the kernel forgets it with each change of user
  ::prctl(PR_GET_PDEATHSIG, &at_end_of_parent);
  const int gid = ::setfsgid(owner.st_gid);
  const int uid = ::setfsuid(owner.st_uid);
  fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ::setfsuid(static_cast<uid_t>(uid));
  ::setfsgid(static_cast<gid_t>(gid));
  ::prctl(PR_SET_PDEATHSIG, at_end_of_parent);
  return fd;
}

// 0 stands for none.
std::optional<pid_t> process_in_status(pid_t pid, std::string_view key) {
  std::ifstream file(path_of(pid, "status"));
  for (std::string word; file >> word;) {
    if (word != key) continue;
    pid_t found = 0;
    if (file >> found && found != 0) return found;
    break;
  }
  return std::nullopt;
}

// Who traces is told of stops as well, asked for or not.
siginfo_t told_of(pid_t child) {
  siginfo_t told{};
  ::waitid(P_PID, static_cast<id_t>(child), &told, WEXITED | WNOHANG | WNOWAIT);
  return told;
}

}  // namespace

Result<std::vector<pid_t>> children_of_this_thread() {
  const std::string path = "/proc/thread-self/children";
  std::ifstream file(path);
  if (!file) return Problem::system(path);
  std::vector<pid_t> pids;
  for (pid_t pid = 0; file >> pid;) pids.push_back(pid);
  return pids;
}

bool has_ended(pid_t child) {
  const siginfo_t told = told_of(child);
  return told.si_pid == child && told.si_code != CLD_TRAPPED;
}

std::optional<int> held_up_at(pid_t child) {
  const siginfo_t told = told_of(child);
  if (told.si_pid != child || told.si_code != CLD_TRAPPED) return std::nullopt;
  return told.si_status;
}

std::optional<pid_t> tracer_of(pid_t pid) {
  return process_in_status(pid, "TracerPid:");
}

std::optional<pid_t> parent_of(pid_t pid) {
  return process_in_status(pid, "PPid:");
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  std::error_code error;
  for (std::filesystem::directory_iterator i("/proc", error), end; !error && i != end; i.increment(error)) {
    const auto pid = parse_integer(i->path().filename().string(), 0, std::numeric_limits<pid_t>::max());
    if (pid.ok()) pids.push_back(static_cast<pid_t>(*pid));
  }
  return pids;
}

std::optional<uid_t> user_of(pid_t pid) {
  struct stat process {};
  if (::stat(path_of(pid, "").c_str(), &process) != 0) return std::nullopt;
  return process.st_uid;
}

std::optional<pid_t> session_of(pid_t pid) {
  const pid_t session = ::getsid(pid);
  if (session < 0) return std::nullopt;
  return session;
}

std::optional<std::uint64_t> started_at(pid_t pid) {
  std::ifstream file(path_of(pid, "stat"));
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The name, in parentheses, may hold anything; the state is the first word behind it, the start the 20th.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream words(line.substr(name_end + 1));
  std::string word;
  words >> word;
  if (word == "Z" || word == "X") return std::nullopt;
  for (int i = 1; i < 19; ++i) words >> word;
  std::uint64_t ticks = 0;
  if (!(words >> ticks)) return std::nullopt;
  return ticks;
}

std::optional<std::string> variable_of(pid_t pid, std::string_view name) {
  const Fd file = open_as_owner(pid, path_of(pid, "environ"));
  if (!file.valid()) return std::nullopt;
  const std::string environment = read_all(file);
  const std::string key = std::string(name) + "=";
  for (std::size_t at = 0; at < environment.size();) {
    const std::size_t end = std::min(environment.find('\0', at), environment.size());
    const std::string_view variable = std::string_view(environment).substr(at, end - at);
    if (variable.starts_with(key)) return std::string(variable.substr(key.size()));
    at = end + 1;
  }
  return std::nullopt;
}

std::optional<WorkerId> worker_of(pid_t pid) {
  const std::optional<std::string> text = variable_of(pid, kWorkerVariable);
  if (!text) return std::nullopt;
  const Result<std::int64_t> number = parse_integer(*text, 0, std::numeric_limits<std::uint32_t>::max());
  if (!number.ok()) return std::nullopt;
  return static_cast<WorkerId>(*number);
}

std::string command_of(pid_t pid) {
  for (const char* file : {"cmdline", "comm"}) {
    const Fd fd(::open(path_of(pid, file).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) continue;
    std::string text = read_all(fd);
    while (!text.empty() && (text.back() == '\0' || text.back() == '\n')) text.pop_back();
    std::replace(text.begin(), text.end(), '\0', ' ');
    if (!text.empty()) return text;
  }
  return "(gone)";
}

}  // namespace promised
