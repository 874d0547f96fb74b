// SPDX-License-Identifier: Apache-2.0
// Workers as other users. As root they are started; as anybody else they are refused, and that is as real.
#include <doctest/doctest.h>
#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "tests/unit/pool/fixture.hpp"

using namespace promised;
using namespace promised::test;

namespace {

// An account that every Debian has and that is not the test's own.
const passwd& other_account() {
  for (const char* name : {"nobody", "daemon"}) {
    const passwd* account = ::getpwnam(name);
    REQUIRE(account != nullptr);
    if (account->pw_uid != ::geteuid()) return *account;
  }
  FAIL("two accounts have the test's own uid");
  std::abort();
}

PoolSettings as_user(const std::string& user) {
  PoolSettings settings = pool_of("basic");
  settings.user = user;
  return settings;
}

std::string refusal_text(const std::string& user, uid_t uid) {
  return "user \"" + user + "\": a daemon that runs as uid " + std::to_string(uid) +
         " may not start workers as another user; start it as root, or leave the user out";
}

// What an unprivileged daemon is told when it asks for a worker as another user; on a pipe, because it is
// told in a process that has given up its privileges.
std::string told_without_privileges(const std::string& user, uid_t uid) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0)
      ::_exit(1);
    std::string reason;
    {
      PoolFixture pool(as_user(user));
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
  const std::string user = other_account().pw_name;
  const uid_t other = other_account().pw_uid;
  PoolFixture pool(as_user(user));
  if (::geteuid() != 0) {
    CHECK(pool.await<event::WorkerStartFailed>(pool.start()).reason == refusal_text(user, ::geteuid()));
    return;
  }
  const WorkerId worker = pool.start_ready();
  const auto process =
      from_value<std::map<std::string, std::int64_t>>(pool.value_of(worker, "process", arguments()));
  CHECK(process.at("uid") == other);
  CHECK(pool.value_of(worker, "variable", arguments("USER")) == Value(user));
  CHECK(pool.value_of(worker, "variable", arguments("LOGNAME")) == Value(user));
  CHECK(pool.value_of(worker, "variable", arguments("HOME")) == Value(std::string(other_account().pw_dir)));
  pool.kill(worker, SIGKILL);
  CHECK(pool.await<event::WorkerGone>(worker).signal == SIGKILL);
  constexpr uid_t kNobodyInParticular = 12345;
  CHECK(told_without_privileges(user, kNobodyInParticular) == refusal_text(user, kNobodyInParticular));
}

TEST_CASE("I5 a user without an account is refused by name") {
  PoolFixture pool(as_user("no-such-user"));
  CHECK(pool.await<event::WorkerStartFailed>(pool.start()).reason ==
        "user \"no-such-user\": there is no such account");
  const auto spawner = Spawner::fork("no-such-user", {});
  REQUIRE_FALSE(spawner.ok());
  CHECK(spawner.problem().code == "no_such_user");
}

TEST_CASE("I5 a user that no pool had when the spawner was started is refused, whoever asks for it") {
  PoolFixture pool(pool_of("basic"));
  const std::string user = other_account().pw_name;
  CHECK(pool.await<event::WorkerStartFailed>(pool.start(as_user(user))).reason ==
        "user \"" + user +
            "\": no pool had this user when the daemon was started; restart it, for a reload does not let "
            "workers run as somebody else");
}

TEST_CASE("a pool whose user is the daemon's own needs no privileges") {
  const passwd* account = ::getpwuid(::getuid());
  REQUIRE_MESSAGE(account != nullptr, "the test's own uid needs an account");
  PoolFixture pool(as_user(account->pw_name));
  const WorkerId worker = pool.start_ready();
  CHECK(pool.value_of(worker, "add", arguments(1, 2)) == Value(std::int64_t{3}));
}
