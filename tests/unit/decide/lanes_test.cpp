// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/decide/yard.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("Q6 queues of equal weight take turns, however many jobs each has") {
  Yard yard;
  for (int i = 0; i < 100; ++i) yard.add("many");
  for (int i = 0; i < 3; ++i) yard.add("few");
  std::vector<std::string> order;
  for (int i = 0; i < 7; ++i) order.push_back(yard.run()->lane->queue->name);
  CHECK(order == std::vector<std::string>{"many", "few", "many", "few", "many", "few", "many"});
}

TEST_CASE("Q6 queues are served in proportion to their weights") {
  Yard yard;
  yard.lanes.configure("heavy", {.weight = 7});
  yard.lanes.configure("middle", {.weight = 2});
  for (int i = 0; i < 1000; ++i) {
    for (const char* queue : {"heavy", "middle", "light"}) yard.add(queue);
  }
  const auto of = yard.shares(1000);
  CHECK(of.at("heavy") == 700);
  CHECK(of.at("middle") == 200);
  CHECK(of.at("light") == 100);
}

TEST_CASE("Q6 a weight that changes counts from then on") {
  Yard yard;
  for (int i = 0; i < 1000; ++i) {
    for (const char* queue : {"a", "b"}) yard.add(queue);
  }
  CHECK(yard.shares(100).at("a") == 50);
  yard.lanes.configure("a", {.weight = 4});
  CHECK(yard.shares(100).at("a") == 80);
}

TEST_CASE("Q6 a queue that comes back gets its part, and not what it has not used") {
  Yard yard;
  for (int i = 0; i < 1000; ++i) yard.add("busy");
  yard.shares(500);
  for (int i = 0; i < 100; ++i) yard.add("back");
  CHECK(yard.shares(20).at("back") == 10);
}

TEST_CASE("Q1 priority orders the jobs of a queue, and not the queues") {
  Yard yard;
  Job& first = yard.add("plain");
  Job& second = yard.add("plain");
  Job& low = yard.add("urgent", Options{}.priority(50));
  Job& high = yard.add("urgent", Options{}.priority(100), "g");
  for (Job* job : {&first, &high, &second, &low}) CHECK(yard.run() == job);
}

TEST_CASE("Q1 where ageing is configured, waiting raises priority") {
  Yard yard;
  yard.lanes.configure("q", {.ageing = 10ms});
  Job& old = yard.add("q");
  yard.clock += 25ms;
  Job& two = yard.add("q", Options{}.priority(2));
  Job& three = yard.add("q", Options{}.priority(3));
  Job& two_elsewhere = yard.add("q", Options{}.priority(2), "g");
  for (Job* job : {&three, &old, &two, &two_elsewhere}) CHECK(yard.run() == job);
}

TEST_CASE("Q1 ageing that is configured while jobs wait orders them anew") {
  Yard yard;
  Job& old = yard.add("q");
  Job& old_elsewhere = yard.add("q", {}, "g");
  yard.clock += 1s;
  Job& high = yard.add("q", Options{}.priority(5));
  CHECK(yard.lanes.next(yard.lines[0])->lane->best() == &high);
  yard.lanes.configure("q", {.ageing = 100ms});
  CHECK(yard.run() == &old);
  yard.lanes.configure("q", {});
  CHECK(yard.run() == &high);
  CHECK(yard.run() == &old_elsewhere);
}

TEST_CASE("Q2 none of a paused queue's jobs begins, and others do") {
  Yard yard;
  Job& paused = yard.add("p");
  Job& other = yard.add("q");
  yard.lanes.pause("p");
  CHECK(yard.run() == &other);
  CHECK(yard.run() == nullptr);
  Job& later = yard.add("p");
  CHECK(yard.run() == nullptr);
  yard.lanes.resume("p");
  CHECK(yard.lines[0].changed);
  CHECK(yard.run() == &paused);
  CHECK(yard.run() == &later);
}

TEST_CASE("Q2 a queue is paused, or has a policy, before it has jobs and after") {
  Yard yard;
  yard.lanes.pause("p");
  yard.lanes.configure("w", {.weight = 3});
  CHECK(yard.lanes.queues().size() == 2);
  Job& job = yard.add("p");
  yard.end(job);
  yard.lanes.erase(*job.lane);
  CHECK(yard.lanes.find_queue("p")->paused);
  yard.lanes.resume("p");
  yard.lanes.configure("w", {});
  CHECK(yard.lanes.queues().empty());
}

TEST_CASE("Q2 a rate lets so many jobs begin in its time, and a burst after a rest") {
  Yard yard;
  yard.lanes.configure("q", {.jobs = 10, .per = 1s, .burst = 3});
  for (int i = 0; i < 20; ++i) yard.add("q");
  for (int i = 0; i < 3; ++i) CHECK(yard.run() != nullptr);
  Queue& queue = *yard.lanes.find_queue("q");
  for (int i = 1; i <= 5; ++i) {
    CHECK(yard.run() == nullptr);
    REQUIRE(queue.spent);
    CHECK(queue.opens == Instant(1h) + i * 100ms);
    yard.now = queue.opens;
    yard.lanes.refill(queue);
    CHECK(yard.run() != nullptr);
  }
  yard.now += 1h;
  yard.lanes.refill(queue);
  for (int i = 0; i < 3; ++i) CHECK(yard.run() != nullptr);
  CHECK(yard.run() == nullptr);
}

TEST_CASE(
    "Q2 a job that comes back without having begun has used nothing of the rate, of its quotas or of its "
    "queue's part") {
  Yard yard;
  yard.lanes.configure("q", {.jobs = 2, .per = 1h});
  Job& job = yard.add("q", Options{}.exclusive("k"));
  Job& second = yard.add("q");
  Job& third = yard.add("q");
  Job& other = yard.add("other");
  for (int i = 0; i < 3; ++i) {
    REQUIRE(yard.run() == &job);
    yard.lanes.take_back(job, yard.lines[0]);
    yard.lanes.push(job);
  }
  CHECK(yard.run() == &job);
  CHECK(yard.run() == &other);
  CHECK(yard.run() == &second);
  CHECK(yard.run() == nullptr);
  yard.lanes.take_back(second, yard.lines[0]);
  yard.lanes.push(second);
  CHECK(yard.run() == &second);
  CHECK(yard.run() == nullptr);
  yard.lanes.refill(*yard.lanes.find_queue("q"));
  CHECK(yard.run() == &third);
}

TEST_CASE("Q2 a queue that has used up its rate, or is paused, leaves the room in a quota to others") {
  Yard yard;
  yard.lanes.configure_quota("one", 1);
  yard.lanes.configure("slow", {.jobs = 1, .per = 1h});
  Job& first = yard.add("slow", Options{}.quota("one"));
  Job& second = yard.add("slow", Options{}.quota("one"));
  Job& third = yard.add("third", Options{}.quota("one"));
  Job& fourth = yard.add("fourth", Options{}.quota("one"));
  REQUIRE(yard.run() == &first);
  CHECK(yard.run() == nullptr);  // all are parked
  yard.lanes.pause("third");
  yard.end(first);
  CHECK(yard.run() == &fourth);
  CHECK(yard.run() == nullptr);
  yard.end(fourth);
  CHECK(yard.run() == nullptr);
  yard.lanes.resume("third");
  CHECK(yard.run() == &third);
  yard.end(third);
  CHECK(yard.run() == nullptr);
  yard.lanes.refill(*yard.lanes.find_queue("slow"));
  CHECK(yard.run() == &second);
}

TEST_CASE("Q1 what has still to come from disk holds up its queue, and no other") {
  Yard yard;
  Function& f = yard.function_named("f");
  Lane& lane = yard.lane("stored", f);
  yard.lanes.add_backlog(lane, 0, yard.clock += 1us);
  yard.add("stored", {}, "g");
  Job& other = yard.add("other");
  CHECK(yard.run() == &other);
  CHECK(yard.run() == nullptr);
  yard.lanes.advance(lane, 0, yard.clock);
  Job& urgent = yard.add("stored", Options{}.priority(1), "g");
  CHECK(yard.run() == &urgent);
}

TEST_CASE("Q3 a queue that waits for the disk leaves the room in a quota to others") {
  Yard yard;
  yard.lanes.configure_quota("one", 1);
  const Options limited = Options{}.quota("one");
  Job& running = yard.add("q", limited);
  REQUIRE(yard.run() == &running);
  Job& stored_behind = yard.add("stored", limited);
  Job& other = yard.add("q", limited);
  CHECK(yard.run() == nullptr);
  // The first of its queue comes from disk, after the room was given to the queue.
  yard.end(running);
  Lane& plain = yard.lane("stored", yard.function_named("g"));
  yard.lanes.add_backlog(plain, 1, yard.clock += 1us);
  CHECK(yard.run() == &other);
  CHECK(yard.run() == nullptr);
  yard.end(other);
  CHECK(yard.run() == nullptr);
  Job loaded{new_job_id()};
  loaded.function = &yard.function_named("g");
  loaded.priority = 1;
  loaded.submitted = yard.clock;
  yard.lanes.enter(loaded, plain);
  yard.lanes.fetched(loaded);
  yard.lanes.push(loaded);
  yard.lanes.advance(plain, 1, yard.clock);
  CHECK(yard.run() == &loaded);
  CHECK(yard.run() == &stored_behind);
}

TEST_CASE(
    "Q1 what was submitted before a job that has still to come from disk begins when its quota has room") {
  Yard yard;
  yard.lanes.configure_quota("one", 1);
  const Options limited = Options{}.quota("one");
  Job& running = yard.add("q", limited);
  REQUIRE(yard.run() == &running);
  Job& sooner = yard.add("stored", limited);
  Lane& plain = yard.lane("stored", yard.function_named("g"));
  yard.lanes.add_backlog(plain, 0, yard.clock += 1us);
  CHECK(yard.run() == nullptr);
  yard.end(running);
  CHECK(yard.run() == &sooner);
  Job& later = yard.add("stored", limited);
  yard.end(sooner);
  CHECK(yard.run() == nullptr);
  // The room is there, and the best of those who wait for it comes before the disk now.
  Job& urgent = yard.add("stored", Options{limited}.priority(1));
  CHECK(yard.run() == &urgent);
  yard.end(urgent);
  CHECK(yard.run() == nullptr);
  yard.end(later);
}

TEST_CASE("Q3 what has still to come from disk and has no room in its quota holds up nobody") {
  Yard yard;
  yard.lanes.configure_quota("one", 1);
  const Options limited = Options{}.quota("one");
  Job& running = yard.add("q", limited);
  REQUIRE(yard.run() == &running);
  Lane& stored = yard.lane("q", yard.function_named("f"), quota_text(limited.quotas(), 1000));
  yard.lanes.add_backlog(stored, 0, yard.clock += 1us);
  Job& other = yard.add("q");
  CHECK(yard.run() == &other);
  Job& behind = yard.add("q");
  yard.end(running);
  CHECK(yard.run() == nullptr);
  yard.end(behind);
}

TEST_CASE("Q1 a job goes before one that has still to come from disk and was submitted then or later") {
  Yard yard;
  Lane& stored = yard.lane("q", yard.function_named("g"));
  Job& first = yard.add("q");
  yard.lanes.add_backlog(stored, 0, first.submitted);
  CHECK(yard.run() == &first);
  CHECK(yard.run() == nullptr);
}
