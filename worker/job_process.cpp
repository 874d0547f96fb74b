// SPDX-License-Identifier: Apache-2.0
#include "worker/job_process.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <new>
#include <system_error>

#include "worker/channel.hpp"

namespace promised::detail {
namespace {

thread_local bool forks_for_job = false;
std::atomic<bool> is_child_of_job = false;
std::atomic<bool> has_sigterm = false;

void note_sigterm(int, siginfo_t* signal, void*) {
  if (signal->si_pid == ::getppid()) has_sigterm.store(true, std::memory_order_relaxed);
}

[[noreturn]] void failed(const char* doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

// Before that the worker cannot see it end, and may call it off.
bool may_begin(const Fd& ear) {
  char go = 0;
  ssize_t heard = 0;
  do {
    heard = ::read(ear.get(), &go, sizeof go);
  } while (heard < 0 && errno == EINTR);
  return heard == sizeof go;
}

std::atomic<Speech>* shared_speech() {
  void* const memory =
      ::mmap(nullptr, sizeof(std::atomic<Speech>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) failed("memory for the process of a job");
  return new (memory) std::atomic<Speech>(Speech::silent);
}

}  // namespace

bool is_child_of_a_job() {
  return is_child_of_job.load(std::memory_order_relaxed);
}

void watch_for_forks() {
  [[maybe_unused]] static const int registered = ::pthread_atfork(nullptr, nullptr, [] {
    if (forks_for_job) return;
    is_child_of_job.store(true, std::memory_order_relaxed);
    ::close(kChannelFd);
  });
}

JobProcess::JobProcess() : speech_(shared_speech()) {}

JobProcess::~JobProcess() {
  ::munmap(speech_, sizeof *speech_);
}

JobProcess::Side JobProcess::fork() {
  speech_->store(Speech::silent);
  held_up_.clear();
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return Side::none;
  mouth_.reset(ends[0]);
  ear_.reset(ends[1]);
  sigset_t sigterm, before;
  ::sigemptyset(&sigterm);
  ::sigaddset(&sigterm, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &sigterm, &before);
  has_sigterm.store(false, std::memory_order_relaxed);
  struct sigaction note {};
  note.sa_sigaction = note_sigterm;
  note.sa_flags = SA_SIGINFO | SA_RESTART;
  ::sigaction(SIGTERM, &note, &on_sigterm_);
  const pid_t worker = ::getpid();
  forks_for_job = true;
  pid_ = ::fork();
  const int error = errno;
  forks_for_job = false;
  if (pid_ <= 0) ::sigaction(SIGTERM, &on_sigterm_, nullptr);
  if (pid_ == 0) {
    // Who is to be its end must be there still, and what was sent meanwhile strikes now.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != worker) ::_exit(1);
    mouth_.reset();
    if (!may_begin(ear_)) ::_exit(1);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid_ == 0) return Side::job;
  ear_.reset();
  if (pid_ < 0) {
    mouth_.reset();
    errno = error;
    return Side::none;
  }
  process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!process_.valid()) return call_off();
  if (::send(mouth_.get(), "", 1, MSG_NOSIGNAL) != 1) return call_off();
  return Side::worker;
}

JobProcess::Side JobProcess::call_off() {
  const int error = errno;
  ::kill(pid_, SIGKILL);
  static_cast<void>(reap());
  errno = error;
  return Side::none;
}

void JobProcess::pass_on(std::string_view frames) {
  held_up_ += frames;
  while (!held_up_.empty()) {
    const ssize_t sent = ::send(mouth_.get(), held_up_.data(), held_up_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      held_up_.erase(0, static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      held_up_.clear();  // it has closed its ear, or its process has ended
    }
  }
}

bool JobProcess::told_to_stop() {
  return has_sigterm.load(std::memory_order_relaxed);
}

JobProcess::End JobProcess::reap() {
  int status = 0;
  rusage used{};
  while (::wait4(pid_, &status, __WALL, &used) < 0 && errno == EINTR) {
  }
  ::sigaction(SIGTERM, &on_sigterm_, nullptr);
  process_.reset();
  mouth_.reset();
  const bool killed = WIFSIGNALED(status);
  return {killed ? WTERMSIG(status) : 0, killed ? 0 : WEXITSTATUS(status), use_of(used)};
}

}  // namespace promised::detail
