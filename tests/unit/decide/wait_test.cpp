// SPDX-License-Identifier: Apache-2.0
// Jobs that wait for other jobs (SEMANTICS C8): who has the slot, and who goes on when.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>

#include "tests/unit/decide/waits.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("C8 a job that waits gives its slot to what it waits for, in a pool of one") {
  Family house;
  const JobId parent = house.submit(house.client);
  house.at(parent);
  const JobId child = house.submit(house.client);
  house.wait_for(parent, {child});
  CHECK(house.state(parent) == State::waiting);
  CHECK(house.show(house.client, parent).waits_for == std::vector<JobId>{child});
  CHECK(house.show(house.client, parent).reason == "it waits for 1 other job");
  CHECK(house.show(house.client, parent).worker_pid != 0);
  REQUIRE(house.workers().size() == 2);
  house.staff();
  CHECK(house.state(child) == State::running);
  CHECK(house.status(house.client).pools[0].busy == 1);
  house.end(child);
  CHECK(house.answer(parent)->code.empty());
  CHECK(house.state(parent) == State::running);
  CHECK(house.end(parent) == parent);
  CHECK(house.ended(house.client, parent)->state == State::succeeded);
}

TEST_CASE("C8 it goes on when all have ended, however; what has ended already is not waited for") {
  Family house(slots(2));
  const JobId done = house.submit(house.client, "f", Options{}.remember("done"));
  house.end(done);
  const JobId parent = house.submit(house.client);
  house.at(parent);
  house.wait_for(parent, {done, done});
  CHECK(house.answer(parent)->code.empty());
  CHECK(house.state(parent) == State::running);
  house.hand(house.at(parent)).resumed.clear();
  const JobId a = house.submit(house.client), b = house.submit(house.client);
  house.wait_for(parent, {done, a, b, a});
  house.staff();
  Failure failure;
  failure.cause = Cause::exception;
  house.fail(house.at(a), failure);
  CHECK(house.show(house.client, parent).waits_for == std::vector<JobId>{b});
  CHECK_FALSE(house.answer(parent));
  const WorkerId worker = house.at(b);
  house.ask(house.client, message::Cancel{{b, {}}});
  house.finish(worker);
  CHECK(house.answer(parent)->code.empty());
}

TEST_CASE("C8 a job that has waited gets a slot before new jobs do, and never more jobs run than the size") {
  Family house;
  const JobId parent = house.submit(house.client);
  house.at(parent);
  const JobId child = house.submit(house.client), other = house.submit(house.client),
              last = house.submit(house.client);
  house.wait_for(parent, {child});
  house.staff();
  house.gone(house.at(child), SIGKILL);
  CHECK(house.state(parent) == State::running);
  house.staff();
  CHECK(house.state(other) == State::pending);
  house.wait_for(parent, {other});
  house.staff();
  CHECK(house.state(other) == State::running);
  house.end(other);
  CHECK(house.state(parent) == State::running);
  CHECK(house.state(last) == State::pending);
  house.end(parent);
  CHECK(house.state(last) == State::running);
}

TEST_CASE("C8 with no slot free it stays waiting, and what stands ready behind other jobs is taken back") {
  auto settings = slots(1);
  settings.pools[0].prefetch = 4;
  settings.pools[0].queues = {"default"};
  Family house(settings);
  const JobId child = house.submit(house.client, "f", Options{}.queue("of another pool"));
  REQUIRE(house.hand(house.workers()[0]).channel.empty());
  const JobId parent = house.submit(house.client, "f");
  house.at(parent);
  house.wait_for(parent, {child});
  house.staff();
  const JobId other = house.submit(house.client), behind = house.submit(house.client);
  REQUIRE(house.hand(house.at(other)).channel.size() == 2);
  house.ask(house.client, message::Cancel{{child, {}}});
  REQUIRE(house.ended(house.client, child));
  CHECK(house.state(parent) == State::waiting);
  CHECK(house.show(house.client, parent).reason ==
        "it has waited for others, and goes on as soon as pool main has a free slot");
  CHECK(house.hand(house.at(other)).channel.size() == 1);
  CHECK(house.state(behind) == State::pending);
  house.end(other);
  CHECK(house.state(parent) == State::running);
  CHECK(house.state(behind) == State::pending);
}

TEST_CASE("C8 what stands ready behind a job that waits is taken back") {
  auto settings = slots(1);
  settings.pools[0].prefetch = 4;
  Family house(settings);
  const JobId parent = house.submit(house.client);
  const JobId child = house.submit(house.client);
  REQUIRE(house.hand(house.at(parent)).channel.size() == 2);
  house.wait_for(parent, {child});
  CHECK(house.hand(house.at(parent)).channel.size() == 1);
  house.staff();
  CHECK(house.end(child) == child);
  CHECK(house.answer(parent)->code.empty());
}

TEST_CASE("C8 waiting counts neither for run_timeout nor for progress_timeout, but for the deadline") {
  Family house;
  const JobId parent =
      house.submit(house.client, "f", Options{}.run_timeout(10s).progress_timeout(8s).deadline(10min));
  const WorkerId worker = house.at(parent);
  house.wait(4s);
  const JobId child = house.submit(house.client);
  house.wait_for(parent, {child});
  house.staff();
  house.at(child);
  house.wait(1min);
  CHECK(house.hand(worker).signals.empty());
  house.end(child);
  REQUIRE(house.answer(parent));
  house.wait(6s - 1ms);
  CHECK(house.hand(worker).signals.empty());
  house.wait(1ms);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM});

  Family other;
  const JobId late = other.submit(other.client, "f", Options{}.deadline(10s));
  other.at(late);
  const JobId slow = other.submit(other.client);
  other.wait_for(late, {slow});
  other.wait(10s);
  CHECK(other.hand(other.at(late)).signals == std::vector<int>{SIGTERM});
  other.gone(other.at(late), SIGTERM);
  CHECK(other.ended(other.client, late)->failure.limit == "deadline");
}

TEST_CASE(
    "X1 C8 a job that waits and is cancelled is told at once, and goes on to stop when there is a slot") {
  Family house;
  const JobId parent = house.submit(house.client);
  const WorkerId worker = house.at(parent);
  const JobId child = house.submit(house.client);
  house.wait_for(parent, {child});
  SUBCASE("there is one") {
    house.ask(house.client, message::Cancel{{parent, {}}});
    CHECK(house.answer(parent)->code == "cancelled");
    CHECK(house.hand(worker).told_cancelled.has_value());
    house.finish(worker);
  }
  SUBCASE("there is none") {
    house.staff();
    REQUIRE(house.state(child) == State::running);
    house.ask(house.client, message::Cancel{{parent, {}}});
    CHECK(house.hand(worker).told_cancelled.has_value());  // which ends the wait
    CHECK_FALSE(house.answer(parent));
    house.wait_for(parent, {child});
    CHECK(house.answer(parent)->code == "cancelled");
    CHECK(house.hand(worker).signals.empty());
    house.wait(house.settings.pools[0].kill_grace);
    CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM});
    house.gone(worker, SIGTERM);
  }
  CHECK(house.ended(house.client, parent)->state == State::cancelled);
  house.staff();
  CHECK(house.end(child) == child);
}

TEST_CASE("C8 the crash of a worker whose job waits is that job's alone, and its slot is no longer away") {
  Family house;
  const JobId parent = house.submit(house.client);
  const WorkerId worker = house.at(parent);
  const JobId child = house.submit(house.client);
  house.wait_for(parent, {child});
  house.staff();
  house.gone(worker, SIGKILL);
  CHECK(house.ended(house.client, parent)->failure.cause == Cause::crashed);
  CHECK(house.workers().size() == 1);
  house.end(child);
  CHECK(house.ended(house.client, child)->state == State::succeeded);
}

TEST_CASE("C8 a worker that took the place of a waiting one goes a while after it is not needed any more") {
  Family house;
  const JobId parent = house.submit(house.client);
  house.at(parent);
  const JobId child = house.submit(house.client);
  house.wait_for(parent, {child});
  house.staff();
  const WorkerId second = house.at(child);
  house.end(child);
  house.end(parent);
  house.wait(kKeepSurplus - 1ms);
  for (const WorkerId worker : house.workers()) CHECK_FALSE(house.hand(worker).told_to_stop);
  house.wait(1ms);
  const auto stopped = [&](WorkerId worker) { return house.hand(worker).told_to_stop; };
  const auto workers = house.workers();
  CHECK(std::count_if(workers.begin(), workers.end(), stopped) == 1);
  const WorkerId gone = stopped(second) ? second : workers[0];
  house.gone(gone, 0);
  CHECK(house.workers().size() == 1);
  CHECK(house.status(house.client).pools[0].crashes == 0);
}

TEST_CASE("C8 a job goes on at once when what it waits for goes with a cleared queue") {
  Family house;
  const JobId parent = house.submit(house.client);
  house.at(parent);
  const JobId child = house.submit(house.client, "f", Options{}.queue("mail"));
  const SessionId admin = house.connect(0);
  house.ask(admin, message::SteerQueue{"mail", QueueChange{.paused = true}, false});
  house.wait_for(parent, {child});
  CHECK_FALSE(house.answer(parent));
  house.ask(admin, message::SteerQueue{"mail", {}, true});
  REQUIRE(house.answer(parent));
  CHECK(house.answer(parent)->code.empty());
  CHECK(house.show(house.client, child).state == State::cancelled);
}

TEST_CASE("C8 what has ended in a worker, and is not reported yet, is not asked for again and again") {
  Settings settings = slots(2);
  settings.pools[0].prefetch = 8;
  Family house(settings);
  const JobId parent = house.submit(house.client);
  const WorkerId waits = house.at(parent);
  const JobId child = house.submit(house.client, "f", Options{}.delay(1h));
  house.wait_for(parent, {child});
  CHECK(house.state(parent) == State::waiting);
  house.staff();
  for (int i = 0; i < 8; ++i) house.submit(house.client);
  // Two run in the other two workers, and all that stands behind them has begun and ended there.
  for (const WorkerId worker : house.workers()) {
    if (worker == waits) continue;
    REQUIRE(house.hand(worker).channel.size() == 4);
    house.hand(worker).claimed = house.hand(worker).channel.back().sequence + 1;
  }
  house.ask(house.client, message::Cancel{{child, {}}});
  CHECK_FALSE(house.answer(parent));
  CHECK(house.scheduler.next_due(house.now) > Nanos(0));
  for (const WorkerId worker : house.workers()) {
    while (worker != waits && !house.hand(worker).channel.empty()) house.finish(worker);
  }
  CHECK(house.answer(parent));
}
