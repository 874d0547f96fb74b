// SPDX-License-Identifier: Apache-2.0
#include "worker/exec/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/fd.hpp"

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
    check(::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK));
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

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

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
  const int error =
      ::posix_spawnp(&pid, command.words.front().c_str(), preparation.actions(), preparation.attributes(),
                     pointers(command.words).data(), pointers(environment).data());
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

void serve(const Fd& process, Fd input, Fd out, Fd err, std::string_view rest, Finished& finished) {
  for (bool ended = false; !ended;) {
    // poll() ignores descriptors below zero.
    std::array<pollfd, 4> polled{{{process.get(), POLLIN, 0},
                                  {input.get(), POLLOUT, 0},
                                  {out.get(), POLLIN, 0},
                                  {err.get(), POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) fail("poll");
    ended = polled[0].revents != 0;
    if (input.valid() && polled[1].revents != 0) write_some(input, rest);
    // At the end all that it had written is in the pipes.
    if (out.valid() && (ended || polled[2].revents != 0)) read_some(out, STDOUT_FILENO, finished.out);
    if (err.valid() && (ended || polled[3].revents != 0)) read_some(err, STDERR_FILENO, finished.err);
  }
}

}  // namespace

Finished run(const Command& command) {
  Pipe input, out, err;
  Preparation preparation;
  preparation.give(input.read, STDIN_FILENO);
  preparation.give(out.write, STDOUT_FILENO);
  preparation.give(err.write, STDERR_FILENO);
  if (command.directory) preparation.enter(*command.directory);
  const pid_t pid = start(command, preparation);
  input.read.reset();
  out.write.reset();
  err.write.reset();
  Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid()) fail("pidfd_open");
  never_wait(input.write);
  never_wait(out.read);
  never_wait(err.read);
  Finished finished;
  serve(process, std::move(input.write), std::move(out.read), std::move(err.read), command.input, finished);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) fail("waitpid");
  }
  if (WIFSIGNALED(status)) finished.signal = WTERMSIG(status);
  if (WIFEXITED(status)) finished.exit_status = WEXITSTATUS(status);
  return finished;
}

}  // namespace promised::exec
