// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

namespace promised {

struct Signals::Before {
  sigset_t mask{};
  struct sigaction pipe {
  }, child{};
};

Signals::Signals(Fd fd, std::unique_ptr<Before> before) : fd_(std::move(fd)), before_(std::move(before)) {}

Signals::~Signals() {
  // None can fail with arguments that the kernel gave us.
  ::sigaction(SIGCHLD, &before_->child, nullptr);
  ::sigaction(SIGPIPE, &before_->pipe, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &before_->mask, nullptr);
}

Result<std::unique_ptr<Signals>> Signals::open() {
  sigset_t mask;
  sigemptyset(&mask);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&mask, signal);
  Fd fd(::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return Problem::system("cannot make a signalfd");
  auto before = std::make_unique<Before>();
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &mask, &before->mask); error != 0) {
    return Problem::system("cannot block signals", error);
  }
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  if (::sigaction(SIGPIPE, &ignore, &before->pipe) != 0) {
    const Problem problem = Problem::system("cannot ignore SIGPIPE");
    ::pthread_sigmask(SIG_SETMASK, &before->mask, nullptr);
    return problem;
  }
  // Whoever has started this may have ignored it: then nobody hears of a child that was stopped.
  struct sigaction hear {};
  hear.sa_handler = SIG_DFL;
  if (::sigaction(SIGCHLD, &hear, &before->child) != 0) {
    const Problem problem = Problem::system("cannot hear SIGCHLD");
    ::sigaction(SIGPIPE, &before->pipe, nullptr);
    ::pthread_sigmask(SIG_SETMASK, &before->mask, nullptr);
    return problem;
  }
  return std::unique_ptr<Signals>(new Signals(std::move(fd), std::move(before)));
}

Result<std::optional<Signals::Request>> Signals::next() {
  signalfd_siginfo info{};
  while (true) {
    const ssize_t n = ::read(fd_.get(), &info, sizeof info);
    if (n == static_cast<ssize_t>(sizeof info)) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return std::optional<Request>();
    return Problem::system("cannot read the signalfd", n < 0 ? errno : EIO);
  }
  if (info.ssi_signo == SIGCHLD) return std::optional(Request::look_at_children);
  return std::optional(info.ssi_signo == SIGHUP ? Request::reload : Request::stop);
}

}  // namespace promised
