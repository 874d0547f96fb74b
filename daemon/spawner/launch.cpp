// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/launch.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/argument_vector.hpp"
#include "common/file_kind.hpp"
#include "common/result.hpp"
#include "daemon/spawner/account.hpp"
#include "daemon/spawner/limits.hpp"
#include "daemon/spawner/lone_child.hpp"
#include "daemon/spawner/sandbox.hpp"

namespace promised {
namespace {

// A worker has 0 (/dev/null), 1 and 2 (its output), 3 (its channel) and 4 (its page).
constexpr int kFirstFree = 5;

Result<void> leave_session() {
  if (::setsid() < 0) return Problem::system("setsid");
  return {};
}

// First of all, so that nothing of the worker is ever outside.
Result<void> join_cgroup(const Fd& group) {
  if (group.valid() && ::write(group.get(), "0", 1) != 1) return Problem::system("join the worker's cgroup");
  return {};
}

Result<void> reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) {
    if (signal != SIGKILL && signal != SIGSTOP)
      ::signal(signal, SIG_DFL);  // those that libc keeps refuse: theirs
  }
  sigset_t none;
  ::sigemptyset(&none);
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return Problem::system("sigprocmask");
  return {};
}

// Gives every descriptor its number and closes all others but `status`. First all are moved out of the way,
// so that none is overwritten.
Result<void> arrange_fds(LaunchFds fds, Fd& status) {
  const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null.valid()) return Problem::system("/dev/null");
  const std::array<int, 5> wanted{null.get(), fds.output.get(), fds.output.get(), fds.channel.get(),
                                  fds.worker_page.get()};
  std::array<int, 5> aside{};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    aside[i] = ::fcntl(wanted[i], F_DUPFD_CLOEXEC, kFirstFree);
    if (aside[i] < 0) return Problem::system("duplicate a descriptor");
  }
  const int moved_status = ::fcntl(status.get(), F_DUPFD_CLOEXEC, kFirstFree);
  if (moved_status < 0) return Problem::system("duplicate a descriptor");
  status.reset(moved_status);
  fds = {};
  for (std::size_t i = 0; i < aside.size(); ++i) {
    if (::dup2(aside[i], static_cast<int>(i)) < 0) return Problem::system("dup2");
  }
  const auto keep = static_cast<unsigned>(status.get());
  if (keep > kFirstFree && ::close_range(kFirstFree, keep - 1, 0) != 0) return Problem::system("close_range");
  if (::close_range(keep + 1, ~0U, 0) != 0) return Problem::system("close_range");
  return {};
}

// Whose the worker is from now on; nothing if that user has no account.
Result<std::optional<Account>> become_user(const std::string& user) {
  if (user.empty()) return own_account();
  PROMISED_ASSIGN(Account account, find_account(user));
  if (account.uid == ::geteuid() && account.uid == ::getuid()) return std::optional(std::move(account));
  if (!become(account)) {
    if (errno != EPERM) return Problem::system("become user \"" + user + "\"");
    return Problem::of("not_permitted",
                       "user \"" + user + "\": a daemon that runs as uid " + std::to_string(::geteuid()) +
                           " may not start workers as another user; start it as root, or leave "
                           "the user out");
  }
  return std::optional(std::move(account));
}

// What its pool says of them goes before.
void name_user(std::vector<std::string>& environment, const Account& account) {
  for (auto [variable, value] : {std::pair<std::string, std::string>{"HOME=", account.home},
                                 {"USER=", account.name},
                                 {"LOGNAME=", account.name}}) {
    const auto is_that = [&](const std::string& given) { return given.starts_with(variable); };
    if (std::none_of(environment.begin(), environment.end(), is_that))
      environment.push_back(variable + value);
  }
}

// What a service manager has given a daemon that is not root's (AmbientCapabilities=) would outlive exec.
Result<void> leave_ambient_capabilities() {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return Problem::system("PR_CAP_AMBIENT_CLEAR_ALL");
  return {};
}

// After the change of user, which would undo it.
Result<void> die_with(pid_t spawner) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return Problem::system("PR_SET_PDEATHSIG");
  if (::getppid() != spawner) ::_exit(127);  // it died before that
  return {};
}

Result<void> give_up_privileges_for_good() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Problem::system("PR_SET_NO_NEW_PRIVS");
  return {};
}

// The interpreter that a script names in its first line; empty if it is none. Whatever the path leads to by
// now, nothing is waited for: another end of a pipe would never come.
std::string interpreter_of(const std::string& program) {
  const Fd file(::open(program.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  std::string line(256, '\0');
  const ssize_t n = ::read(file.get(), line.data(), line.size());
  line.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  if (!line.starts_with("#!")) return {};
  line = line.substr(2, line.find('\n') - 2);
  const std::size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string::npos) return {};
  return line.substr(begin, line.find_first_of(" \t\r", begin) - begin);
}

// Why execve failed with `error`, in words that name what is to be changed.
Problem exec_problem(const std::string& program, int error) {
  struct stat status {};
  const bool exists = ::stat(program.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    return Problem::of("system",
                       program + ": is " + std::string(kind_of_file(status.st_mode)) + ", not a program");
  }
  if (error == EACCES && exists && (status.st_mode & 0111) == 0) {
    return Problem::of("system", program + ": not executable (chmod +x)");
  }
  if (exists && (error == ENOENT || (error == EACCES && ::access(program.c_str(), X_OK) == 0))) {
    if (const std::string interpreter = interpreter_of(program); !interpreter.empty()) {
      return Problem::system(program + ": bad interpreter " + interpreter, error);
    }
    if (error == ENOENT) {
      return Problem::of("system", program + ": its dynamic loader is missing (built for another system?)");
    }
  }
  if (error == ENOEXEC)
    return Problem::of("system", program + ": neither a program nor a script with a #! line");
  return Problem::system(program, error);
}

// What a path does not lead to any more, because the sandbox has a /tmp of its own, or hides it.
Problem hidden_by_sandbox(const SpawnRequest& request, const std::string& path, Problem problem) {
  if (request.sandbox != Sandbox::none && (path.starts_with("/tmp/") || path.starts_with("/var/tmp/")))
    problem.message += " (in its sandbox a worker has an empty /tmp and /var/tmp of its own)";
  if (request.sandbox == Sandbox::strict && path.starts_with("/run/user/"))
    problem.message += " (in its sandbox a worker sees nothing of /run/user)";
  return problem;
}

Result<void> execute(const SpawnRequest& request) {
  std::vector<std::string> arguments{request.program};
  arguments.insert(arguments.end(), request.arguments.begin(), request.arguments.end());
  ::execve(request.program.c_str(), argument_vector(arguments).data(),
           argument_vector(request.environment).data());
  return hidden_by_sandbox(request, request.program, exec_problem(request.program, errno));
}

Result<void> become_worker(SpawnRequest& request, LaunchFds fds, CgroupControllers by_cgroup,
                           std::uint64_t open_files, Fd& status, pid_t spawner) {
  PROMISED_TRY(join_cgroup(fds.cgroup));
  PROMISED_TRY(leave_session());
  PROMISED_TRY(arrange_fds(std::move(fds), status));
  PROMISED_TRY(reset_signals());
  PROMISED_TRY(apply_limits(request, open_files));
  PROMISED_ASSIGN(const Separated separated, separate_as_root(request.sandbox, request.memory_limit));
  PROMISED_ASSIGN(const std::optional<Account> account, become_user(request.user));
  if (account) name_user(request.environment, *account);
  if (separated == Separated::left_to_user)
    PROMISED_TRY(separate_as_user(request.sandbox, request.memory_limit));
  if (::chdir(request.directory.c_str()) != 0) {
    return hidden_by_sandbox(request, request.directory, Problem::system("directory " + request.directory));
  }
  if (!by_cgroup.pids) PROMISED_TRY(limit_processes(request));
  PROMISED_TRY(die_with(spawner));
  PROMISED_TRY(leave_ambient_capabilities());
  PROMISED_TRY(give_up_privileges_for_good());
  PROMISED_TRY(leave_capabilities(request.sandbox));
  PROMISED_TRY(refuse_system_calls(request.sandbox));
  if (!by_cgroup.memory) PROMISED_TRY(limit_memory(request));
  return execute(request);
}

}  // namespace

void launch(SpawnRequest request, LaunchFds fds, CgroupControllers by_cgroup, std::uint64_t open_files,
            Fd status, pid_t spawner) {
  const Result<void> result = become_worker(request, std::move(fds), by_cgroup, open_files, status, spawner);
  const std::string& reason = result.problem().message;
  // If the spawner does not take it, nobody is left to tell: it is gone.
  static_cast<void>(!::write(status.get(), reason.data(), reason.size()));
  ::_exit(127);
}

}  // namespace promised
