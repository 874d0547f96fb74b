// SPDX-License-Identifier: Apache-2.0
#include "tests/support/process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>

#include "common/argument_vector.hpp"
#include "common/fd.hpp"
#include "tests/support/proc.hpp"
#include "tests/support/temp_directory.hpp"

extern char** environ;

namespace promised::test {
namespace {

std::mutex held_mutex;
std::set<pid_t> held;  // the children that a Process answers for

std::vector<std::string> environment_of(const Program& program) {
  std::vector<std::string> lines;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string line = *entry;
    if (!program.environment.contains(line.substr(0, line.find('=')))) lines.push_back(line);
  }
  for (const auto& [key, value] : program.environment) {
    if (value) lines.push_back(key + "=" + *value);
  }
  return lines;
}

Fd open_for(int flags, const std::filesystem::path& path) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, 0644));
  if (!fd.valid()) throw std::system_error(errno, std::generic_category(), path.string());
  return fd;
}

Fd open_output(const std::filesystem::path& path) {
  return open_for(O_WRONLY | O_CREAT | O_APPEND, path.empty() ? "/dev/null" : path);
}

// Between fork and exec: only what is safe there.
[[noreturn]] void become(const Program& program, char* const* argv, char* const* envp, int in, int out,
                         int err, int cgroup, pid_t parent) {
  if (cgroup >= 0 && ::write(cgroup, "0", 1) != 1) ::_exit(126);
  // Opened before the change of user, who need not be able to walk the way to it.
  const int binary = ::open(argv[0], O_RDONLY | O_CLOEXEC);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  if (program.user) {
    const auto id = *program.user;
    if (::setgroups(0, nullptr) != 0 || ::setresgid(id, id, id) != 0 || ::setresuid(id, id, id) != 0)
      ::_exit(126);
  }
  // A test that is killed leaves nothing behind. A change of user would reset this.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  if (binary >= 0) ::fexecve(binary, argv, envp);
  ::execve(argv[0], argv, envp);  // a script, whose interpreter cannot read that descriptor; or not there
  ::_exit(127);
}

}  // namespace

std::string to_string(const Exit& exit) {
  return exit.signal != 0 ? "killed by signal " + std::to_string(exit.signal)
                          : "exit code " + std::to_string(exit.code);
}

Process::Process(const Program& program) {
  std::vector<std::string> command = program.command;
  std::vector<std::string> environment = environment_of(program);
  const auto argv = argument_vector(command);
  const auto envp = argument_vector(environment);
  const Fd in(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Fd out = open_output(program.output);
  const Fd err = open_output(program.errors.empty() ? program.output : program.errors);
  const Fd cgroup = program.cgroup.empty() ? Fd() : open_for(O_WRONLY, program.cgroup / "cgroup.procs");
  const pid_t parent = ::getpid();
  const std::lock_guard lock(held_mutex);
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0)
    become(program, argv.data(), envp.data(), in.get(), out.get(), err.get(), cgroup.get(), parent);
  held.insert(pid_);
}

Process::Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)), exit_(other.exit_) {}

Process::~Process() {
  if (pid_ < 0) return;
  if (!poll()) {
    signal(SIGKILL);
    while (!exit_ && !wait()) {
    }
  }
  const std::lock_guard lock(held_mutex);
  held.erase(pid_);
}

std::optional<Exit> Process::poll() {
  if (exit_) return exit_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  exit_ = WIFSIGNALED(status) ? Exit{0, WTERMSIG(status)} : Exit{WEXITSTATUS(status), 0};
  return exit_;
}

std::optional<Exit> Process::wait(std::chrono::milliseconds deadline) {
  return eventually([this] { return poll().has_value(); }, deadline) ? exit_ : std::nullopt;
}

void Process::signal(int number) {
  if (!poll()) ::kill(pid_, number);
}

Finished run(Program program, std::chrono::milliseconds deadline) {
  const TempDirectory directory;
  if (program.user) directory.open_to_everyone();
  program.output = directory / "out";
  program.errors = directory / "err";
  Process process(program);
  auto exit = process.wait(deadline);
  if (!exit) {
    process.signal(SIGKILL);
    exit = process.wait();
  }
  return {exit.value_or(Exit{}), read_file(directory / "out"), read_file(directory / "err")};
}

void adopt_orphans() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
    throw std::system_error(errno, std::generic_category(), "subreaper");
}

std::map<pid_t, std::string> orphans() {
  std::map<pid_t, std::string> alive;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const pid_t pid = std::stoi(name);
    if (parent_of(pid) != ::getpid()) continue;
    const std::lock_guard lock(held_mutex);
    if (held.contains(pid)) continue;
    if (::waitpid(pid, nullptr, WNOHANG) == 0) alive.emplace(pid, command_of(pid));
  }
  return alive;
}

}  // namespace promised::test
