// SPDX-License-Identifier: Apache-2.0
// Waits that are not to be (SEMANTICS C8): circles, jobs that are not there, too many, and workers that lie.
#include <doctest/doctest.h>

#include <csignal>

#include "common/ids.hpp"
#include "tests/unit/decide/waits.hpp"

using namespace promised;
using namespace promised::test;

TEST_CASE("C8 a circle of waits fails for whoever closes it, naming the circle") {
  Family house(slots(3));
  const JobId a = house.submit(house.client), b = house.submit(house.client), c = house.submit(house.client);
  SUBCASE("of one") {
    house.wait_for(a, {a});
    CHECK(house.answer(a)->code == "deadlock");
    CHECK(house.answer(a)->message == house.text(a) + " would wait for itself");
  }
  SUBCASE("of two") {
    house.wait_for(a, {b});
    house.wait_for(b, {c, a});
    CHECK(house.answer(b)->code == "deadlock");
    CHECK(house.answer(b)->message == "a circle of waits: " + house.text(b) + " would wait for " +
                                          house.text(a) + ", which waits for " + house.text(b));
  }
  SUBCASE("of three, and one of them waited before it ran") {
    const JobId d = house.submit(house.client);
    house.wait_for(a, {d});
    house.wait_for(b, {a});
    house.staff();
    house.wait_for(d, {c, b});
    CHECK(house.answer(d)->code == "deadlock");
    CHECK(house.answer(d)->message == "a circle of waits: " + house.text(d) + " would wait for " +
                                          house.text(b) + ", which waits for " + house.text(a) +
                                          ", which waits for " + house.text(d));
    house.end(d);
    CHECK(house.answer(a)->code.empty());
  }
  CHECK(house.state(c) == State::running);
}

TEST_CASE("C8 two jobs that wait for the same one are no circle") {
  Family house(slots(3));
  const JobId a = house.submit(house.client), b = house.submit(house.client), c = house.submit(house.client);
  house.wait_for(b, {c});
  house.wait_for(a, {b, c});
  CHECK(house.state(a) == State::waiting);
  house.end(c);
  CHECK(house.answer(b)->code.empty());
  CHECK_FALSE(house.answer(a));
  house.end(b);
  CHECK(house.answer(a)->code.empty());
}

TEST_CASE("C8 a wait for a job that is not there says so; another user's is not told from none") {
  Family house(slots(2));
  const JobId job = house.submit(house.client);
  house.at(job);
  const JobId theirs = house.submit(house.connect(1001));
  for (const JobId& id : {new_job_id(), theirs}) {
    house.wait_for(job, {id});
    CHECK(house.answer(job)->code == "no_such_future");
    CHECK(house.answer(job)->message == "there is no job " + id.text() +
                                            " to wait for: it is gone, or was never there, or is another "
                                            "user's");
  }
  CHECK(house.state(job) == State::running);
}

TEST_CASE(
    "C8 a job may wait for jobs of the daemon's own user, as which it runs, but not in a pool of another") {
  for (const char* user : {"", "somebody"}) {
    auto settings = slots(2);
    settings.pools[0].user = user;
    Family house(settings);
    const JobId job = house.submit(house.client);
    house.at(job);
    const JobId daemons = house.submit(house.connect(999));
    house.wait_for(job, {daemons});
    CHECK(house.answer(job).has_value() == (*user != '\0'));
  }
}

TEST_CASE("C8 max_waiting bounds how many jobs of a pool wait") {
  auto settings = slots(2);
  settings.limits.max_waiting = 1;
  Family house(settings);
  const JobId a = house.submit(house.client), b = house.submit(house.client), c = house.submit(house.client);
  house.wait_for(a, {c});
  house.wait_for(b, {c});
  CHECK(house.answer(b)->code == "limit");
  CHECK(house.answer(b)->message ==
        "max_waiting (1) is reached: so many jobs of pool main wait for others already; wait in fewer of "
        "them, or raise it in section [limits]");
  CHECK(house.state(b) == State::running);
}

TEST_CASE("C8 a report of a wait while the job waits ends the worker: it broke the protocol") {
  Family house(slots(2));
  const JobId parent = house.submit(house.client), child = house.submit(house.client);
  house.wait_for(parent, {child});
  house.wait_for(parent, {child});
  CHECK(house.hand(house.at(parent)).signals == std::vector<int>{SIGKILL});
  house.gone(house.at(parent), SIGKILL);
  CHECK(house.ended(house.client, parent)->failure.cause == Cause::crashed);
  CHECK(house.ended(house.client, parent)->failure.message ==
        "the worker broke its protocol after 0 ms: it said that its job waits for others, while that waits "
        "already");
}

TEST_CASE("C8 a worker cannot make undone that its job has begun, and waits") {
  Family family;
  const JobId parent = family.submit(family.client);
  const WorkerId worker = family.at(parent);
  const JobId child = family.submit(family.client);
  family.wait_for(parent, {child});
  family.ask(family.client, message::Cancel{{parent, {}}});
  const std::uint32_t own = family.hand(worker).channel.front().sequence;
  family.handle(event::Revoked{worker, own});
  CHECK(family.state(parent) != State::pending);
  family.finish(worker);
  CHECK(family.state(parent) == State::cancelled);
}
