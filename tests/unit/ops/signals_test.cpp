// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/signals.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace promised {
namespace {

bool readable(int fd) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, 0) == 1;
}

bool blocked(int signal) {
  sigset_t mask;
  REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &mask) == 0);
  return sigismember(&mask, signal) == 1;
}

TEST_CASE(
    "SIGTERM and SIGINT ask to stop, SIGHUP to reload, SIGCHLD to look at children, also where it was "
    "ignored") {
  ::signal(SIGCHLD, SIG_IGN);
  auto signals = Signals::open();
  REQUIRE(signals.ok());
  CHECK_FALSE(readable((*signals)->fd()));
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    REQUIRE(::kill(::getpid(), signal) == 0);
    CHECK(readable((*signals)->fd()));
    const auto request = (*signals)->next();
    REQUIRE(request.ok());
    CHECK(*request == (signal == SIGHUP ? Signals::Request::reload : Signals::Request::stop));
  }
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::raise(SIGSTOP));
  siginfo_t stopped{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &stopped, WSTOPPED) == 0);
  CHECK(readable((*signals)->fd()));
  CHECK(*(*signals)->next() == Signals::Request::look_at_children);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(*(*signals)->next() == Signals::Request::look_at_children);
  const auto none = (*signals)->next();
  REQUIRE(none.ok());
  CHECK_FALSE(none->has_value());
  (*signals).reset();
  CHECK((::signal(SIGCHLD, SIG_DFL) == SIG_IGN));
}

TEST_CASE("a write to nobody is an error and not the end") {
  const auto signals = Signals::open();
  REQUIRE(signals.ok());
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  ::close(ends[0]);
  CHECK(::write(ends[1], "x", 1) == -1);
  CHECK(errno == EPIPE);
  ::close(ends[1]);
}

TEST_CASE("signals are given back as they were") {
  struct sigaction before {};
  REQUIRE(::sigaction(SIGPIPE, nullptr, &before) == 0);
  REQUIRE_FALSE(blocked(SIGTERM));
  {
    const auto signals = Signals::open();
    REQUIRE(signals.ok());
    CHECK(blocked(SIGTERM));
    CHECK(blocked(SIGHUP));
  }
  CHECK_FALSE(blocked(SIGTERM));
  struct sigaction after {};
  REQUIRE(::sigaction(SIGPIPE, nullptr, &after) == 0);
  CHECK((after.sa_handler == before.sa_handler));
}

}  // namespace
}  // namespace promised
