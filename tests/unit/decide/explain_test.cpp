// SPDX-License-Identifier: Apache-2.0
// M3 Why a job is not running: each reason there is, from the state that it comes of.
#include <doctest/doctest.h>

#include <algorithm>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

Explanation explain(House& house, SessionId session, const JobId& id) {
  house.ask(session, message::Explain{{id, {}}});
  return house.last<message::Explained>(session).explanation;
}

std::vector<std::string> codes(const Explanation& explanation) {
  std::vector<std::string> all;
  for (const WaitReason& reason : explanation.reasons) all.push_back(reason.code);
  return all;
}

using Codes = std::vector<std::string>;

}  // namespace

TEST_CASE("M3 a busy pool is named with what its workers run, and how many are before the job") {
  ReadyHouse house(prefetching(1, 2));
  const auto client = house.connect();
  const JobId first = house.submit(client);
  const JobId second = house.submit(client);
  house.submit(client);
  const JobId waits = house.submit(client);
  const Explanation found = explain(house, client, waits);
  CHECK(found.id == waits);
  CHECK(found.state == State::pending);
  REQUIRE(codes(found) == Codes{"pool_busy", "behind"});
  CHECK(found.reasons[0].text == "pool main has no free worker");
  CHECK(found.reasons[0].subject == "main");
  CHECK(found.reasons[0].jobs == std::vector{first, second});
  CHECK(found.reasons[0].count == 2);
  CHECK(found.reasons[1].text == "1 job of its function and quotas is before it in queue default");
  CHECK(found.reasons[1].count == 1);
}

TEST_CASE("M3 jobs of a higher priority are before it too, and beyond 1000 they are not counted one by one") {
  ReadyHouse house(prefetching(1));
  const auto client = house.connect();
  house.submit(client);
  const JobId low = house.submit(client, "f", Options{}.priority(-1));
  for (int i = 0; i < 3; ++i) house.submit(client);
  CHECK(explain(house, client, low).reasons.back().count == 3);
  for (int i = 0; i < 1200; ++i) house.submit(client, "f", Options{}.priority(-2));
  const JobId last = house.submit(client, "f", Options{}.priority(-2));
  CHECK(explain(house, client, last).reasons.back().text ==
        "at least 1000 jobs of its function and quotas are before it in queue default");
}

TEST_CASE("M3 a user is told of others' jobs how many they are, an administrator which") {
  ReadyHouse house(prefetching(1));
  const auto alice = house.connect(1001);
  const auto bob = house.connect(1002);
  const auto admin = house.connect(0);
  const JobId runs = house.submit(alice);
  const JobId waits = house.submit(bob);
  CHECK(explain(house, bob, waits).reasons[0].jobs.empty());
  CHECK(explain(house, bob, waits).reasons[0].count == 1);
  CHECK(explain(house, admin, waits).reasons[0].jobs == std::vector{runs});
  house.ask(alice, message::Explain{{waits, {}}});
  CHECK(house.last<message::Refused>(alice).message == "there is no job " + waits.text());
}

TEST_CASE("M3 of a paused queue that alone is told, if workers are free") {
  ReadyHouse house(prefetching(1));
  const auto admin = house.connect(0);
  house.ask(admin, message::SteerQueue{"mail", {.paused = true}, false});
  const JobId waits = house.submit(admin, "f", Options{}.queue("mail"));
  const Explanation found = explain(house, admin, waits);
  REQUIRE(codes(found) == Codes{"paused"});
  CHECK(found.reasons[0].text == "queue mail is paused");
  CHECK(found.reasons[0].subject == "mail");
}

TEST_CASE("M3 a rate tells when the next may begin") {
  auto settings = prefetching(1);
  QueueSettings mail;
  mail.name = "mail";
  mail.rate = {1, 10s, 1};
  settings.queues = {mail};
  ReadyHouse house(settings);
  const auto client = house.connect();
  house.submit(client, "f", Options{}.queue("mail"));
  house.finish(house.workers()[0]);
  const JobId waits = house.submit(client, "f", Options{}.queue("mail"));
  house.wait(3s);
  const Explanation found = explain(house, client, waits);
  REQUIRE(codes(found) == Codes{"rate"});
  CHECK(found.reasons[0].text == "queue mail has begun as many jobs as its rate (1/10s burst 1) allows");
  CHECK(found.reasons[0].until == house.now.wall + 7s);
}

TEST_CASE("M3 a full quota is told with the jobs that hold it") {
  auto settings = prefetching(1, 3);
  settings.quotas = {{"server", 1}};
  ReadyHouse house(settings);
  const auto client = house.connect();
  const JobId holder = house.submit(client, "f", Options{}.quota("server"));
  house.submit(client, "g");
  const JobId waits = house.submit(client, "g", Options{}.quota("server"));
  Explanation found = explain(house, client, waits);
  REQUIRE(codes(found) == Codes{"quota"});
  CHECK(found.reasons[0].text == "the quota \"server\" is full: 1 job of at most 1 holds it");
  CHECK(found.reasons[0].subject == "server");
  CHECK(found.reasons[0].jobs == std::vector{holder});
  CHECK(found.reasons[0].count == 1);
  CHECK(house.show(client, waits).reason == "the quota \"server\" is full");

  const JobId has_key = house.submit(client, "f", Options{}.exclusive("customer 7"));
  const JobId wants_key = house.submit(client, "g", Options{}.exclusive("customer 7"));
  found = explain(house, client, wants_key);
  REQUIRE_FALSE(found.reasons.empty());
  CHECK(found.reasons[0].text == "the quota \"customer 7\" is full: 1 job of at most 1 holds it");
  CHECK(found.reasons[0].jobs == std::vector{has_key});
}

TEST_CASE("M3 a function that no pool offers, a pool that fails, and one that does not take the queue") {
  auto settings = prefetching(1);
  settings.pools[0].queues = {"held", "other"};
  QueueSettings held;
  held.name = "held";
  held.hold = true;
  settings.queues = {held};
  ReadyHouse house(settings);
  const auto client = house.connect();
  const JobId unknown = house.submit(client, "later", Options{}.queue("held"));
  Explanation found = explain(house, client, unknown);
  REQUIRE(codes(found) == Codes{"no_function"});
  CHECK(found.reasons[0].text == "no pool offers the function later");
  CHECK(found.reasons[0].subject == "later");

  const JobId elsewhere = house.submit(client, "f");
  found = explain(house, client, elsewhere);
  REQUIRE(codes(found) == Codes{"pool_queues"});
  CHECK(found.reasons[0].text == "pool main does not take jobs of queue default");

  house.gone(house.workers()[0], 0, 1);
  while (house.workers().empty()) house.wait(100ms);
  house.start_failed(house.workers()[0], "no such file");
  const JobId failing = house.submit(client, "f", Options{}.queue("other"));
  found = explain(house, client, failing);
  REQUIRE(codes(found) == Codes{"pool_failing"});
  CHECK(found.reasons[0].text == "pool main is failing: no such file");
  CHECK(found.reasons[0].until > house.now.wall);
}

TEST_CASE("M3 a pool that has failed from its first start on is told of, for it may offer the function") {
  auto settings = prefetching(1);
  QueueSettings held;
  held.name = "held";
  held.hold = true;
  settings.queues = {held};
  settings.pools[0].queues = {"held"};
  settings.pools.push_back(settings.pools[0]);
  settings.pools[1].name = "side";
  settings.pools[1].queues = {"other"};
  House house(settings);
  for (const WorkerId worker : house.workers()) house.start_failed(worker, "no such file");
  const auto client = house.connect();
  const JobId job = house.submit(client, "later", Options{}.queue("held"));
  const Explanation found = explain(house, client, job);
  REQUIRE(codes(found) == Codes{"pool_failing", "no_function"});
  CHECK(found.reasons[0].text ==
        "pool main is failing: no such file; it has never been ready, and what it offers is not known");
  CHECK(found.reasons[0].subject == "main");
  CHECK(found.reasons[0].until > house.now.wall);
  CHECK(found.reasons[1].text == "no other pool offers the function later");
  CHECK(house.show(client, job).reason == found.reasons[0].text + "; " + found.reasons[1].text);
}

TEST_CASE("M3 a job that a worker holds ready, one that runs, one that is to stop, and one that has ended") {
  ReadyHouse house(prefetching(2));
  const auto client = house.connect();
  const JobId runs = house.submit(client, "f", Options{}.remember("named", 1h));
  const JobId next = house.submit(client);
  house.begin(house.workers()[0]);
  const std::string pid = std::to_string(house.show(client, runs).worker_pid);
  CHECK(explain(house, client, next).reasons[0].text == "next in the channel of worker " + pid);
  CHECK(codes(explain(house, client, next)) == Codes{"next"});
  CHECK(explain(house, client, runs).reasons[0].text == "it runs on worker " + pid + " of pool main");
  house.ask(client, message::Cancel{{runs, {}}, false, "enough"});
  CHECK(codes(explain(house, client, runs)) == Codes{"running", "cancelling"});
  CHECK(explain(house, client, runs).reasons[1].text.starts_with("it is to stop: cancelled by user 1000"));
  house.finish(house.workers()[0]);
  const Explanation found = explain(house, client, runs);
  CHECK(found.state == State::cancelled);
  REQUIRE(codes(found) == Codes{"ended"});
  CHECK(found.reasons[0].text.starts_with("it has ended: cancelled, cancelled by user 1000"));
}

TEST_CASE("M3 a job that waits for others is told with those") {
  ReadyHouse house(prefetching(1));
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId waits = house.submit(client);
  const message::Run run = house.begin(worker);
  const JobId other = house.submit(client);
  house.handle(event::AttemptWaits{worker, run.sequence, {other}});
  Explanation found = explain(house, client, waits);
  CHECK(found.state == State::waiting);
  REQUIRE(codes(found) == Codes{"waits_for"});
  CHECK(found.reasons[0].text == "it waits for 1 other job");
  CHECK(found.reasons[0].jobs == std::vector{other});
  CHECK(found.reasons[0].count == 1);
}

TEST_CASE("M3 a daemon that is stopping, and one whose disk is too slow") {
  auto settings = prefetching(1);
  ReadyHouse house(settings);
  const auto client = house.connect();
  house.submit(client);
  house.begin(house.workers()[0]);
  const JobId waits = house.submit(client);
  house.around.store.unwritten = settings.limits.max_unwritten;
  house.turn();
  CHECK(explain(house, client, waits).reasons[0].code == "disk");
  house.scheduler.drain(house.now, house.plan);
  house.turn();
  CHECK(explain(house, client, waits).reasons[0].text == "the daemon is stopping");
}

TEST_CASE("M3 C8 of a quota that jobs which have waited want again, those are told, and those that have it") {
  auto settings = prefetching(1, 2);
  settings.quotas = {{"server", 1}};
  ReadyHouse house(settings);
  const auto client = house.connect();
  const Options named = Options{}.quota("server");
  const auto worker_of = [&](const JobId& id) {
    for (const WorkerId worker : house.workers()) {
      if (!house.hand(worker).channel.empty() && house.hand(worker).channel.front().id == id) return worker;
    }
    throw std::runtime_error("no worker has it");
  };
  const JobId waits = house.submit(client, "f", named);
  const message::Run run = house.begin(worker_of(waits));
  const JobId awaited = house.submit(client);
  house.handle(event::AttemptWaits{worker_of(waits), run.sequence, {awaited}});
  const JobId holder = house.submit(client, "f", named);
  const WorkerId holds = [&] {
    for (const WorkerId worker : house.workers()) {
      if (house.hand(worker).pid == 0) house.ready(worker);
    }
    return worker_of(holder);
  }();
  house.begin(holds);
  const JobId last = house.submit(client, "f", named);
  house.finish(worker_of(awaited));
  Explanation found = explain(house, client, last);
  REQUIRE(codes(found).front() == "quota");
  CHECK(
      found.reasons[0].text ==
      "the quota \"server\" is full: 1 job of at most 1 holds it, and 1 job that has waited for others is to "
      "have it again first");
  CHECK(found.reasons[0].jobs == std::vector{holder, waits});
  CHECK(found.reasons[0].count == 2);
  // It has the quota again, and waits for a slot alone.
  house.submit(client);
  house.ask(house.connect(0), message::SteerQuota{"server", 2, false});
  found = explain(house, client, last);
  CHECK(codes(explain(house, client, waits)) == Codes{"resuming"});
  CHECK(found.reasons[0].text == "the quota \"server\" is full: 2 jobs of at most 2 hold it");
  std::sort(found.reasons[0].jobs.begin(), found.reasons[0].jobs.end());
  CHECK(found.reasons[0].jobs == std::vector{std::min(waits, holder), std::max(waits, holder)});
}

TEST_CASE("M3 where waiting raises the priority, who has waited longer is before a job of a higher one") {
  auto settings = prefetching(1);
  QueueSettings ages;
  ages.name = "default";
  ages.ageing = 1s;
  settings.queues = {ages};
  ReadyHouse house(settings);
  const auto client = house.connect();
  house.submit(client);
  const JobId low = house.submit(client, "f", Options{}.priority(-1));
  house.wait(5s);
  const JobId high = house.submit(client, "f", Options{}.priority(1));
  const JobId last = house.submit(client, "f", Options{}.priority(-1));
  CHECK(codes(explain(house, client, low)) == Codes{"pool_busy"});
  CHECK(explain(house, client, high).reasons.back().count == 1);
  CHECK(explain(house, client, last).reasons.back().count == 2);
}
