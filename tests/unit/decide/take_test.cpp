// SPDX-License-Identifier: Apache-2.0
// Taking: fetch and forget in one step (SEMANTICS R7).
#include <doctest/doctest.h>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("R7 take fetches and forgets in one step") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client, "f", Options{}.remember("n", 1min));
  house.finish(house.workers()[0]);
  house.ask(client, message::Watch{.key = {{}, "n"}, .take = true});
  CHECK(house.sent(client).back().payload == "result");
  house.ask(client, message::Watch{.key = {{}, "n"}});
  CHECK(house.last<message::Refused>(client).code == "no_such_future");
  CHECK(house.last<message::Refused>(client).state == State::forgotten);
}

TEST_CASE("R7 of several who take, one gets it, whether they wait for the end or come later") {
  ReadyHouse house;
  const auto submitter = house.connect();
  const JobId id = house.submit(submitter, "f", Options{}.remember("n", 1min));
  const std::string none =
      "job " + id.text() + " has no name to be taken from: it was taken or forgotten, or never had one";
  const auto first = house.connect();
  const auto second = house.connect();
  for (const auto taker : {first, second}) house.ask(taker, message::Watch{.key = {{}, "n"}, .take = true});
  house.finish(house.workers()[0]);
  CHECK(house.ended(first, id));
  CHECK_FALSE(house.ended(second, id));
  CHECK(house.last<message::Refused>(second).state == State::forgotten);
  CHECK(house.last<message::Refused>(second).message == none);
  const auto third = house.connect();
  house.ask(third, message::Watch{.key = {id, {}}, .take = true});
  CHECK(house.last<message::Refused>(third).message == none);
  house.ask(third, message::Watch{.key = {{}, "n"}, .take = true});
  CHECK(house.last<message::Refused>(third).message == "the future remembered as \"n\" was forgotten");
}

TEST_CASE("R7 what was taken is kept for its taker alone until it has arrived there") {
  ReadyHouse house;
  const auto submitter = house.connect();
  const JobId id = house.submit(submitter, "f", Options{}.remember("n", 1min));
  house.finish(house.workers()[0], "one");
  const JobId name = new_job_id();
  const auto taker = house.connect(1000, name);
  house.ask(taker, message::Watch{.key = {id, {}}, .take = true});
  house.disconnect(taker);  // the answer is lost
  const auto other = house.connect();
  house.ask(other, message::Watch{.key = {id, {}}, .take = true});
  CHECK(house.count<message::Ended>(other) == 0);
  const auto again = house.connect(1000, name);
  house.ask(again, message::Watch{.key = {id, {}}, .take = true});
  CHECK(house.sent(again).back().payload == "one");
  house.ask(again, std::monostate{}, {}, 1);
  CHECK(house.written<change::DeleteJob>().size() == 1);
}

TEST_CASE("R7 after a restart too") {
  ReadyHouse before;
  const JobId name = new_job_id();
  const auto taker = before.connect(1000, name);
  const JobId id = before.submit(taker, "f", Options{}.remember("n", 1min));
  before.finish(before.workers()[0]);
  before.ask(taker, message::Watch{.key = {id, {}}, .take = true});
  const auto taken = before.written<change::TakeJob>();
  REQUIRE(taken.size() == 1);
  House house(one_pool(), [&](House& h) {
    RecoveredJob job;
    job.id = id;
    job.owner = 1000;
    job.function = "f";
    job.state = State::cancelled;
    job.submitted = job.ended = h.now.wall;
    job.client = taken[0].client;
    h.scheduler.restore(job, h.now, h.plan);
  });
  const auto other = house.connect();
  house.ask(other, message::Watch{.key = {id, {}}, .take = true});
  CHECK(house.count<message::Ended>(other) == 0);
  const auto again = house.connect(1000, name);
  house.ask(again, message::Watch{.key = {id, {}}, .take = true});
  CHECK(house.ended(again, id));
}

TEST_CASE("R7 who asks again while the result is still read from the store takes it all the same") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.remember("n", 1min));
  house.finish(house.workers()[0], std::string(2000, 'r'));
  int loads = 0;
  house.load_later = [&](const JobId&) { ++loads; };
  const event::Requested asking{
      client, {1000, 1000, 1}, {100, 0, message::Watch{.key = {id, {}}, .take = true}}, {}};
  for (int i = 0; i < 2; ++i) house.handle(event::Requested(asking));
  REQUIRE(loads == 1);
  house.sent(client).clear();
  house.handle(event::ResultLoaded{id, true, {}, Payload(std::string(2000, 'r'))});
  house.handle(event::Requested(asking));
  REQUIRE(house.sent(client).size() == 1);
  CHECK(house.sent(client)[0].payload == std::string(2000, 'r'));
}

TEST_CASE("R7 a take that is asked again leaves alone the name that its job has got meanwhile") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.remember("n", 1min));
  house.finish(house.workers()[0]);
  house.hold_commits();
  const auto taker = house.connect();
  const event::Requested asking{
      taker, {1000, 1000, 1}, {100, 0, message::Watch{.key = {id, {}}, .take = true}}, {}};
  house.handle(event::Requested(asking));
  house.ask(client, message::Remember{id, "other", 1min, Duplicate::raise, {}});
  house.handle(event::Requested(asking));
  house.commit();
  CHECK(house.count<message::Ended>(taker) == 1);
  house.ask(client, message::Watch{.key = {{}, "other"}});
  CHECK(house.sent(client).back().payload == "result");
}

TEST_CASE("R7 what was taken is read for the next connection of its taker when the one before has gone") {
  ReadyHouse house;
  const JobId name = new_job_id();
  const auto taker = house.connect(1000, name);
  const JobId id = house.submit(taker, "f", Options{}.remember("n", 1min));
  house.finish(house.workers()[0], std::string(2000, 'r'));
  house.ask(taker, message::Watch{.key = {id, {}}, .take = true});
  house.load_later = [](const JobId&) {};
  // It has gone before it has heard; the second while the result is read for it once more.
  const auto second = house.connect(1000, name);
  house.ask(second, message::Watch{.key = {id, {}}, .take = true});
  const auto third = house.connect(1000, name);
  house.ask(third, message::Watch{.key = {id, {}}, .take = true});
  house.handle(event::ResultLoaded{id, true, {}, Payload(std::string(2000, 'r'))});
  REQUIRE(house.ended(third, id));
  CHECK(house.sent(third).back().payload == std::string(2000, 'r'));
  house.ask(third, std::monostate{}, {}, 1);
  CHECK(house.written<change::DeleteJob>().size() == 1);
}

TEST_CASE("R7 a job without a name cannot be taken, and nobody waits for that") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  house.ask(client, message::Watch{.key = {id, {}}, .take = true});
  CHECK(house.last<message::Refused>(client).code == "no_such_future");
}
