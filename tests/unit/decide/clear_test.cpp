// SPDX-License-Identifier: Apache-2.0
// Q2 Queues that are cleared.
#include <doctest/doctest.h>

#include "common/ids.hpp"
#include "tests/unit/decide/queues.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("Q2 clear cancels what waits in the queue and nothing else, and tells how many") {
  ReadyHouse house(prefetching(3));
  const auto admin = house.connect(0);
  const auto client = house.connect(1000);
  const WorkerId worker = house.workers()[0];
  const JobId runs = house.submit(client, "f", kMail);
  house.begin(worker);
  std::vector<JobId> waiting;
  for (int i = 0; i < 5; ++i) waiting.push_back(house.submit(client, "f", kMail));
  const JobId other = house.submit(client);
  CHECK(house.hand(worker).channel.size() == 3);  // two of those that wait are there
  const std::uint64_t number = house.ask(admin, message::SteerQueue{"mail", {}, true});
  CHECK(house.last<message::Count>(admin).count == 5);
  CHECK(house.sent(admin).back().reply.number == number);
  for (const JobId& id : waiting) {
    REQUIRE(house.ended(client, id));
    CHECK(house.ended(client, id)->state == State::cancelled);
    CHECK(house.ended(client, id)->reason == "queue mail was cleared by user 0");
  }
  CHECK(house.finish(worker) == runs);
  CHECK(house.finish(worker) == other);
}

TEST_CASE("Q2 many jobs are cleared in steps, with turns for others in between, and answered at the end") {
  ReadyHouse house(prefetching(1));
  const auto admin = house.connect(0);
  const auto client = house.connect(1000);
  steer(house, admin, {.paused = true});
  for (int i = 0; i < 2500; ++i) house.submit(client, "f", kMail);
  const std::size_t answers = house.count<message::Count>(admin);
  house.ask(admin, message::SteerQueue{"mail", {}, true});
  CHECK(house.count<message::Ended>(client) == 1000);
  CHECK(house.scheduler.next_due(house.now) == Nanos(0));
  const JobId late = house.submit(client, "f", kMail);  // is not of those that waited
  CHECK(house.count<message::Ended>(client) == 2000);
  CHECK(house.count<message::Count>(admin) == answers);
  house.turn();
  CHECK(house.count<message::Ended>(client) == 2500);
  CHECK(house.last<message::Count>(admin).count == 2500);
  CHECK(house.show(client, late).state == State::pending);
}

TEST_CASE("Q2 clearing a queue goes on when who asked has gone") {
  ReadyHouse house(prefetching(1));
  const auto admin = house.connect(0);
  const auto client = house.connect(1000);
  steer(house, admin, {.paused = true});
  for (int i = 0; i < 1500; ++i) house.submit(client, "f", kMail);
  house.ask(admin, message::SteerQueue{"mail", {}, true});
  house.disconnect(admin);
  CHECK(house.count<message::Ended>(client) == 1500);
}

TEST_CASE("Q2 what is found on disk and was submitted after the queue was cleared is not meant") {
  RecoveredJob before;
  before.id = new_job_id();
  before.owner = 1000;
  before.function = "f";
  before.options = kMail;
  RecoveredJob later = before;
  later.id = new_job_id();
  House house(prefetching(1), [&](House& h) {
    h.load_backlog_later = [](const effect::LoadBacklog&) {};
    before.submitted = h.now.wall - 1s;
    later.submitted = h.now.wall + 1s;
    h.scheduler.restore(RecoveredBacklog{"mail", "f", {}, 0, 1000, 2, before.submitted});
    h.scheduler.restore_backlog_id(before.id);
    h.scheduler.restore_backlog_id(later.id);
  });
  house.find_in_backlog = [&](BacklogSearch& search) { search.found = {later, before}; };
  house.load_job = [&](const JobId&) { return std::optional(later); };
  const auto admin = house.connect(0);
  house.ask(admin, message::SteerQueue{"mail", {}, true});
  CHECK(house.last<message::Count>(admin).count == 1);
  CHECK(house.show(admin, before.id).state == State::cancelled);
  CHECK(house.show(admin, later.id).state == State::pending);
}

TEST_CASE("Q2 a queue that nobody has used is cleared at once") {
  ReadyHouse house;
  const auto admin = house.connect(0);
  house.ask(admin, message::SteerQueue{"mail", {}, true});
  CHECK(house.last<message::Count>(admin).count == 0);
}

TEST_CASE(
    "Q2 clear cancels what waits for its moment too, in memory and for another try, of that queue alone") {
  ReadyHouse house(prefetching(1));
  const auto admin = house.connect(0);
  const auto client = house.connect(1000);
  const JobId tried = house.submit(client, "f", Options(kMail).retries(1).backoff(Backoff::fixed(1h)));
  Failure failure;
  failure.cause = Cause::exception;
  house.fail(house.workers()[0], failure);
  const JobId later = house.submit(client, "f", Options(kMail).delay(1h));
  const JobId dated = house.submit(client, "f", Options(kMail).begin_after(house.now.wall + 1h));
  const JobId other = house.submit(client, "f", Options{}.delay(1h));
  const JobId soon = house.submit(client, "f", Options(kMail).delay(1s));
  house.wait(1s);  // its moment has come: it is not among them any more
  house.begin(house.workers()[0]);
  house.ask(admin, message::SteerQueue{"mail", {}, true});
  CHECK(house.last<message::Count>(admin).count == 3);
  for (const JobId& id : {tried, later, dated}) CHECK(house.ended(client, id)->state == State::cancelled);
  CHECK(house.show(client, other).state == State::scheduled);
  CHECK(house.finish(house.workers()[0]) == soon);
}

TEST_CASE("Q2 clear counts what a worker holds ready when it is clear that it had not begun") {
  ReadyHouse house(prefetching(4));
  const auto admin = house.connect(0);
  const auto client = house.connect(1000);
  const WorkerId worker = house.workers()[0];
  const JobId runs = house.submit(client, "f", kMail);
  house.begin(worker);
  const JobId begins = house.submit(client, "f", kMail), waits = house.submit(client, "f", kMail);
  REQUIRE(house.hand(worker).channel.size() == 3);
  // It ends the first and claims the second in the same moment: nothing of that has been heard yet.
  house.hand(worker).claimed = house.hand(worker).channel[1].sequence + 1;
  house.ask(admin, message::SteerQueue{"mail", {}, true});
  CHECK(house.last<message::Count>(admin).count == 1);
  CHECK(house.ended(client, waits)->state == State::cancelled);
  CHECK(house.finish(worker) == runs);
  CHECK(house.finish(worker) == begins);
  CHECK(house.ended(client, begins)->state == State::succeeded);
}

TEST_CASE("Q2 X1 a job whose cancel was asked before its queue was cleared keeps that reason") {
  ReadyHouse house(prefetching(4));
  const auto admin = house.connect(0);
  const auto client = house.connect(1000);
  const WorkerId worker = house.workers()[0];
  house.submit(client, "f", kMail);
  house.begin(worker);
  const JobId begins = house.submit(client, "f", kMail);
  REQUIRE(house.hand(worker).channel.size() == 2);
  house.hand(worker).claimed = house.hand(worker).channel[1].sequence + 1;
  house.ask(client, message::Cancel{{begins, {}}, false, "enough"});
  CHECK(house.show(client, begins).state == State::pending);
  house.ask(admin, message::SteerQueue{"mail", {}, true});
  house.ask(client, message::Withdraw{{begins}});
  CHECK(house.last<message::Count>(admin).count == 0);
  house.finish(worker);
  house.finish(worker);
  REQUIRE(house.ended(client, begins));
  CHECK(house.ended(client, begins)->state == State::cancelled);
  CHECK(house.ended(client, begins)->reason.ends_with("enough"));
}
