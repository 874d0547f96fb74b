// SPDX-License-Identifier: Apache-2.0
#include "worker/exec/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/argument_vector.hpp"
#include "common/fd.hpp"
#include "common/untrace.hpp"

namespace promised::exec {
namespace {

[[noreturn]] void fail(const std::string& what, int error = errno) {
  throw std::system_error(error, std::generic_category(), what);
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe");
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  Fd read, write;
};

void never_wait(const Fd& fd) {
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) fail("fcntl");
}

/// While it is there a signal waits, and can be seen. If one has come and nobody has taken it, it strikes
/// when this goes.
class HeldSignal {
 public:
  explicit HeldSignal(int signal) {
    sigset_t held;
    ::sigemptyset(&held);
    ::sigaddset(&held, signal);
    seen_.reset(::signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!seen_.valid()) fail("signalfd");
    ::pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  ~HeldSignal() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignal(const HeldSignal&) = delete;
  HeldSignal& operator=(const HeldSignal&) = delete;

  /// Readable when one has come.
  [[nodiscard]] int fd() const { return seen_.get(); }
  void take() const {
    signalfd_siginfo taken;
    while (::read(fd(), &taken, sizeof taken) > 0) {
    }
  }

 private:
  Fd seen_;
  sigset_t before_{};
};

/// While it is there a child begins with this limit of the processor's time. This process has it too, and may
/// be over it already: it does not listen meanwhile.
class CpuTimeOfChild {
 public:
  explicit CpuTimeOfChild(std::chrono::seconds seconds) {
    if (seconds.count() == 0) return;
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    if (::getrlimit(RLIMIT_CPU, &before_) != 0 || ::sigaction(SIGXCPU, &ignore, &action_) != 0)
      fail("cpu_time");
    is_set_ = true;
    const rlimit limit{std::min<rlim_t>(static_cast<rlim_t>(seconds.count()), before_.rlim_max),
                       before_.rlim_max};
    ::setrlimit(RLIMIT_CPU, &limit);  // below the hard limit nobody is refused
  }
  ~CpuTimeOfChild() {
    if (!is_set_) return;
    ::setrlimit(RLIMIT_CPU, &before_);
    ::sigaction(SIGXCPU, &action_, nullptr);
  }
  CpuTimeOfChild(const CpuTimeOfChild&) = delete;
  CpuTimeOfChild& operator=(const CpuTimeOfChild&) = delete;

 private:
  bool is_set_ = false;
  rlimit before_{};
  struct sigaction action_ {};
};

// What posix_spawn does in the child, and with which signals.
class Preparation {
 public:
  Preparation() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t all, none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    check(::posix_spawnattr_setsigdefault(&attributes_, &all));
    check(::posix_spawnattr_setsigmask(&attributes_, &none));
    check(::posix_spawnattr_setpgroup(&attributes_, 0));
    check(::posix_spawnattr_setflags(&attributes_,
                                     POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP));
  }
  ~Preparation() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;

  void give(const Fd& fd, int as) { check(::posix_spawn_file_actions_adddup2(&actions_, fd.get(), as)); }
  void enter(const std::string& directory) {
    check(::posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str()));
  }
  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  static void check(int error) {
    if (error != 0) fail("prepare a command", error);
  }

  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::vector<std::string> environment_of(const Command& command) {
  std::vector<std::string> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!command.environment.contains(std::string(text.substr(0, text.find('='))))) out.emplace_back(text);
  }
  for (const auto& [name, value] : command.environment) out.push_back(name + "=" + value);
  return out;
}

pid_t start(const Command& command, const Preparation& preparation) {
  const std::vector<std::string> environment = environment_of(command);
  pid_t pid = 0;
  const CpuTimeOfChild limited(command.cpu_time);
  const int error =
      ::posix_spawnp(&pid, command.words.front().c_str(), preparation.actions(), preparation.attributes(),
                     argument_vector(command.words).data(), argument_vector(environment).data());
  if (error == 0) return pid;
  const bool elsewhere = command.directory && ::access(command.directory->c_str(), X_OK) != 0;
  fail(elsewhere ? *command.directory : command.words.front(), error);
}

void pass_on(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(to, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return;  // nobody keeps it; the command's end is told all the same
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

// Reads what is there, passes it on and keeps the end of it; closes the pipe at its end. More than a pipe
// holds comes from something that goes on writing.
void read_some(Fd& from, int to, std::string& kept) {
  constexpr int kTurns = 64;
  std::array<char, 16384> part;
  for (int turn = 0; turn < kTurns; ++turn) {
    const ssize_t n = ::read(from.get(), part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return from.reset();
    const std::string_view bytes(part.data(), static_cast<std::size_t>(n));
    pass_on(to, bytes);
    kept += bytes;
    if (kept.size() > kMostKept) kept.erase(0, kept.size() - kMostKept);
  }
}

// What the command has room for; closes the pipe when all is written, or nobody reads it.
void write_some(Fd& to, std::string_view& rest) {
  while (!rest.empty()) {
    const ssize_t n = ::write(to.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) break;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  to.reset();
}

/// A command from its start to its end.
class Running {
 public:
  explicit Running(const Command& command);
  [[nodiscard]] Finished to_end(const Sleep& sleep);

 private:
  void turn(const Sleep& sleep);
  [[nodiscard]] bool await(std::span<pollfd> fds, const Sleep& sleep) const;
  void tell_to_stop();
  void reap_orphans();
  void await_end();
  void ended(int status);
  [[nodiscard]] bool group_has_ended() const;

  // Before the command is there, so that its end is seen. SIGTERM is for this process, too: nobody takes it.
  const HeldSignal sigterm_{SIGTERM}, end_of_child_{SIGCHLD};
  std::string_view rest_;  ///< of its input
  Fd input_, out_, err_;
  pid_t pid_;
  Fd process_;  ///< none: it has ended
  bool told_ = false;
  bool over_ = false;
  Finished finished_;
};

Running::Running(const Command& command) : rest_(command.input) {
  Pipe input, out, err;
  Preparation preparation;
  preparation.give(input.read, STDIN_FILENO);
  preparation.give(out.write, STDOUT_FILENO);
  preparation.give(err.write, STDERR_FILENO);
  if (command.directory) preparation.enter(*command.directory);
  pid_ = start(command, preparation);
  process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!process_.valid()) fail("pidfd_open");
  input_ = std::move(input.write);
  out_ = std::move(out.read);
  err_ = std::move(err.read);
  never_wait(input_);
  never_wait(out_);
  never_wait(err_);
}

Finished Running::to_end(const Sleep& sleep) {
  while (!over_) turn(sleep);
  return std::move(finished_);
}

/// False: the job is cancelled, and the command has not been told yet.
bool Running::await(std::span<pollfd> fds, const Sleep& sleep) const {
  if (!told_) return sleep(fds);
  while (::poll(fds.data(), fds.size(), -1) < 0) {
    if (errno != EINTR) fail("poll");
  }
  return true;
}

void Running::turn(const Sleep& sleep) {
  // poll() ignores descriptors below zero.
  std::array<pollfd, 6> polled{{{process_.get(), POLLIN, 0},
                                {input_.get(), POLLOUT, 0},
                                {out_.get(), POLLIN, 0},
                                {err_.get(), POLLIN, 0},
                                {told_ ? -1 : sigterm_.fd(), POLLIN, 0},
                                {end_of_child_.fd(), POLLIN, 0}}};
  if (!await(polled, sleep)) return tell_to_stop();
  if (polled[4].revents != 0) tell_to_stop();
  if (polled[5].revents != 0) reap_orphans();
  if (polled[0].revents != 0 && process_.valid()) await_end();
  over_ = !process_.valid() && (!told_ || group_has_ended());
  if (input_.valid() && polled[1].revents != 0) write_some(input_, rest_);
  // At the end all that it had written is in the pipes.
  if (out_.valid() && (over_ || polled[2].revents != 0)) read_some(out_, STDOUT_FILENO, finished_.out);
  if (err_.valid() && (over_ || polled[3].revents != 0)) read_some(err_, STDERR_FILENO, finished_.err);
}

/// Before it is reaped, so that the number is the group's.
void Running::tell_to_stop() {
  told_ = true;
  ::kill(-pid_, SIGTERM);
}

/// Whom the command has left and who has ended since, and perhaps the command itself: a corpse would keep its
/// place among the processes that the worker may have.
void Running::reap_orphans() {
  end_of_child_.take();  // before it is looked who that was
  for (;;) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG | __WALL);
    if (pid < 0 && errno == EINTR) continue;
    if (pid <= 0) return;
    if (WIFSTOPPED(status)) {
      untrace(pid, WSTOPSIG(status));
    } else if (pid == pid_ && process_.valid()) {
      ended(status);
    }
  }
}

void Running::await_end() {
  int status = 0;
  for (;;) {
    const pid_t pid = ::waitpid(pid_, &status, 0);
    if (pid < 0 && errno != EINTR) fail("waitpid");
    if (pid == pid_ && !WIFSTOPPED(status)) break;
  }
  ended(status);
}

void Running::ended(int status) {
  process_.reset();
  if (WIFSIGNALED(status)) finished_.signal = WTERMSIG(status);
  if (WIFEXITED(status)) finished_.exit_status = WEXITSTATUS(status);
}

/// Those whose parents have ended are children of this process, which is their subreaper.
bool Running::group_has_ended() const {
  for (;;) {
    siginfo_t ended{};
    if (::waitid(P_PGID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | __WALL) != 0) {
      if (errno != EINTR) return true;
    } else if (ended.si_pid == 0) {
      return false;
    }
  }
}

}  // namespace

Finished run(const Command& command, const Sleep& sleep) {
  return Running(command).to_end(sleep);
}

}  // namespace promised::exec
