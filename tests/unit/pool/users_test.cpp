// SPDX-License-Identifier: Apache-2.0
// Workers as other users. As root they are started; as anybody else they are refused, and that is as real.
#include <doctest/doctest.h>
#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "tests/unit/pool/fixture.hpp"

using namespace promised;
using namespace promised::test;

namespace {

constexpr char kOther[] = "nobody";

PoolSettings as_user(const std::string& user) {
  PoolSettings settings = pool_of("basic");
  settings.user = user;
  return settings;
}

std::string refusal_text(uid_t uid) {
  return "user \"nobody\": a daemon that runs as uid " + std::to_string(uid) +
         " may not start workers as another user; start it as root, or leave the user out";
}

// What an unprivileged daemon is told when it asks for a worker as another user; on a pipe, because it is
// told in a process that has given up its privileges.
std::string told_without_privileges(uid_t uid) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0)
      ::_exit(1);
    std::string reason;
    {
      PoolFixture pool(as_user(kOther));
      reason = pool.await<event::WorkerStartFailed>(pool.start()).reason;
    }
    ::_exit(::write(ends[1], reason.data(), reason.size()) > 0 ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text(1000, '\0');
  const ssize_t n = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

}  // namespace

TEST_CASE("I5 a worker runs as its pool's user, or is refused where that needs privileges") {
  const passwd* account = ::getpwnam(kOther);
  REQUIRE(account != nullptr);
  const uid_t other = account->pw_uid;
  if (::geteuid() != 0) {
    PoolFixture pool(as_user(kOther));
    CHECK(pool.await<event::WorkerStartFailed>(pool.start()).reason == refusal_text(::geteuid()));
    return;
  }
  PoolFixture pool(as_user(kOther));
  const WorkerId worker = pool.start_ready();
  const auto process =
      from_value<std::map<std::string, std::int64_t>>(pool.value_of(worker, "process", arguments()));
  CHECK(process.at("uid") == other);
  CHECK(pool.value_of(worker, "variable", arguments("USER")) == Value(kOther));
  pool.kill(worker, SIGKILL);
  CHECK(pool.await<event::WorkerGone>(worker).signal == SIGKILL);
  constexpr uid_t kNobodyInParticular = 12345;
  CHECK(told_without_privileges(kNobodyInParticular) == refusal_text(kNobodyInParticular));
}

TEST_CASE("I5 a user without an account is refused by name") {
  PoolFixture pool(as_user("no-such-user"));
  CHECK(pool.await<event::WorkerStartFailed>(pool.start()).reason ==
        "user \"no-such-user\": there is no such account");
  const auto spawner = Spawner::fork("no-such-user");
  REQUIRE_FALSE(spawner.ok());
  CHECK(spawner.problem().code == "no_such_user");
}

TEST_CASE("a pool whose user is the daemon's own needs no privileges") {
  const passwd* account = ::getpwuid(::getuid());
  REQUIRE(account != nullptr);
  PoolFixture pool(as_user(account->pw_name));
  const WorkerId worker = pool.start_ready();
  CHECK(pool.value_of(worker, "add", arguments(1, 2)) == Value(std::int64_t{3}));
}
