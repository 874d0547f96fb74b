// SPDX-License-Identifier: Apache-2.0
// Jobs that wait for other jobs (SEMANTICS C8).
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

/// A house of `size` slots, where jobs are given to workers one by one.
Settings slots(std::uint32_t size) {
  auto settings = one_pool(size);
  settings.pools[0].prefetch = 1;
  return settings;
}

struct Family : ReadyHouse {
  explicit Family(Settings s = slots(1)) : ReadyHouse(std::move(s)), client(connect()) {}

  /// The worker that has this job; it begins it if it has not.
  WorkerId at(const JobId& id) {
    for (const WorkerId worker : workers()) {
      if (!hand(worker).channel.empty() && hand(worker).channel.front().id == id) {
        begin(worker);
        return worker;
      }
    }
    FAIL("no worker has job " << id.text());
    return {};
  }
  void wait_for(const JobId& job, std::vector<JobId> ids) {
    const WorkerId worker = at(job);
    handle(event::AttemptWaits{worker, hand(worker).channel.front().sequence, std::move(ids)});
  }
  /// The workers that were asked for and are not ready yet, become so.
  void staff() {
    for (const WorkerId worker : workers()) {
      if (hand(worker).pid == 0 && std::exchange(hand(worker).pid, 1) == 0) ready(worker);
    }
  }
  /// The answer to the job's last wait; nothing: it waits.
  std::optional<message::Resume> answer(const JobId& job) {
    const auto& resumed = hand(at(job)).resumed;
    return resumed.empty() ? std::nullopt : std::optional(resumed.back());
  }
  JobId end(const JobId& job) { return finish(at(job)); }
  State state(const JobId& id) { return show(client, id).state; }
  std::string text(const JobId& id) { return "job " + id.text() + " (f)"; }

  SessionId client;
};

}  // namespace

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
    CHECK_FALSE(house.answer(parent));
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
