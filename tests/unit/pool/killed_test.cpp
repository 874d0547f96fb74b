// SPDX-License-Identifier: Apache-2.0
// I4: children are killed first, and reaped when all of them are dead.
#include "daemon/spawner/killed.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>

#include "daemon/spawner/process_facts.hpp"
#include "tests/support/eventually.hpp"
#include "tests/unit/pool/sleeper.hpp"

using namespace promised;
using namespace promised::test;

TEST_CASE("I4 what was killed keeps its place until it is reaped, so many at a time") {
  const std::array<Sleeper, 3> sleepers;
  Killed killed;
  for (const Sleeper& sleeper : sleepers) CHECK(killed.kill(sleeper.pid()));
  CHECK(killed.kill(sleepers[0].pid()));  // once more
  REQUIRE(eventually([&] { return killed.all_dead(); }));
  for (const Sleeper& sleeper : sleepers) {
    CHECK(killed.contains(sleeper.pid()));
    CHECK(has_ended(sleeper.pid()));
  }
  CHECK_FALSE(killed.reap(2));
  CHECK_FALSE(killed.empty());
  CHECK(killed.reap(2));
  CHECK(killed.empty());
  for (const Sleeper& sleeper : sleepers) CHECK_FALSE(user_of(sleeper.pid()).has_value());
}

TEST_CASE("I4 the death of what was killed can be waited for") {
  const Sleeper sleeper;
  Killed killed;
  REQUIRE(killed.kill(sleeper.pid()));
  while (!killed.all_dead()) killed.await_a_death(kPatience);
  CHECK(has_ended(sleeper.pid()));
  CHECK(killed.reap(1));
}

TEST_CASE("I4 all children end but those that are spared, with what comes from them") {
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const Sleeper spared;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const pid_t grandchild = ::fork();
    if (grandchild == 0) ::setsid();
    if (grandchild > 0 && ::write(ends[1], &grandchild, sizeof grandchild) != sizeof grandchild) ::_exit(1);
    for (;;) ::pause();
  }
  pid_t grandchild = 0;
  REQUIRE(::read(ends[0], &grandchild, sizeof grandchild) == sizeof grandchild);
  const auto left = end_children({spared.pid()});
  REQUIRE(left.ok());
  CHECK(left->empty());
  CHECK_FALSE(user_of(child).has_value());
  CHECK_FALSE(user_of(grandchild).has_value());
  CHECK(spared.lives());
  for (const int fd : ends) ::close(fd);
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
}
