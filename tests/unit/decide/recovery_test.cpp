// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

RecoveredJob waiting_job(WallTime submitted) {
  RecoveredJob job;
  job.id = new_job_id();
  job.owner = 1000;
  job.function = "f";
  job.arguments = Payload("args");
  job.arguments_size = 4;
  job.submitted = submitted;
  return job;
}

}  // namespace

TEST_CASE("R9 what waited before a restart waits again, in its order and priority") {
  House house;
  auto a = waiting_job(house.now.wall - 3s);
  auto b = waiting_job(house.now.wall - 2s);
  auto c = waiting_job(house.now.wall - 1s);
  c.options.priority(1);
  for (const auto& job : {a, b, c}) house.scheduler.restore(job, house.now, house.plan);
  const WorkerId worker = house.workers()[0];
  house.ready(worker);
  for (const auto& id : {c.id, a.id, b.id}) CHECK(house.finish(worker) == id);
}

TEST_CASE(
    "A4 a job that ran when the daemon died is interrupted: it runs again, at its old place, uncounted") {
  House house;
  auto ran = waiting_job(house.now.wall - 3s);
  ran.started = true;
  ran.attempts = 1;
  house.scheduler.restore(ran, house.now, house.plan);
  house.scheduler.restore(waiting_job(house.now.wall), house.now, house.plan);
  house.turn();
  REQUIRE(house.written<change::RequeueJob>().size() == 1);
  CHECK(house.written<change::RequeueJob>()[0].interruptions == 1);
  CHECK(house.written<change::RequeueJob>()[0].attempts == 0);
  house.ready(house.workers()[0]);
  CHECK(house.begin(house.workers()[0]).attempt == 1);
  CHECK(house.finish(house.workers()[0]) == ran.id);
}

TEST_CASE("A4 an at-most-once job that ran when the daemon died fails as interrupted") {
  House house;
  auto ran = waiting_job(house.now.wall - 3s);
  ran.started = true;
  ran.attempts = 1;
  ran.options.at_most_once();
  house.scheduler.restore(ran, house.now, house.plan);
  house.turn();
  const auto client = house.connect();
  house.ask(client, message::Watch{.key = {ran.id, {}}});
  const auto ended = house.ended(client, ran.id);
  CHECK(ended->failure.cause == Cause::interrupted);
  CHECK(ended->failure.message == "its run was cut off, and it was submitted to run at most once");
}

TEST_CASE("A4 the tenth interruption fails the job") {
  House house;
  auto ran = waiting_job(house.now.wall - 3s);
  ran.started = true;
  ran.interruptions = 9;
  house.scheduler.restore(ran, house.now, house.plan);
  house.turn();
  const auto client = house.connect();
  house.ask(client, message::Watch{.key = {ran.id, {}}});
  CHECK(house.ended(client, ran.id)->failure.message ==
        "its run was cut off 10 times, which is more than max_interruptions (9)");
}

TEST_CASE("R9 names, their results, lifespans and tombstones survive a restart") {
  House house;
  RecoveredJob ended = waiting_job(house.now.wall - 1min);
  ended.state = State::failed;
  ended.failure.cause = Cause::exception;
  ended.failure.message = "no";
  ended.ended = house.now.wall - 30s;
  house.scheduler.restore(ended, house.now, house.plan);
  house.scheduler.restore(RecoveredName{1000, "n", State::failed, ended.id, 40s, {}}, house.now, house.plan);
  house.scheduler.restore(RecoveredName{1000, "old", State::lapsed, {}, 0s, house.now.wall + 5s}, house.now,
                          house.plan);
  const auto client = house.connect();
  house.ask(client, message::Watch{.key = {{}, "n"}});
  CHECK(house.ended(client, ended.id)->failure.message == "no");
  house.ask(client, message::Watch{.key = {{}, "old"}});
  CHECK(house.last<message::Refused>(client).state == State::lapsed);
  house.wait(10s);
  house.ask(client, message::Watch{.key = {{}, "n"}});
  CHECK(house.last<message::Refused>(client).state == State::lapsed);
  house.ask(client, message::Watch{.key = {{}, "old"}});
  CHECK(house.last<message::Refused>(client).state == State::unknown);
}

TEST_CASE("T4 the time waited before a restart counts for the timeout") {
  House house;
  auto job = waiting_job(house.now.wall - 8s);
  job.options.timeout(10s);
  house.scheduler.restore(job, house.now, house.plan);
  house.wait(2s);
  const auto client = house.connect();
  house.ask(client, message::Watch{.key = {job.id, {}}});
  CHECK(house.ended(client, job.id)->state == State::expired);
}

TEST_CASE("a recovered job whose function nobody offers waits and says so") {
  House house;
  auto job = waiting_job(house.now.wall);
  job.function = "gone";
  house.scheduler.restore(job, house.now, house.plan);
  house.ready(house.workers()[0]);
  const auto client = house.connect();
  CHECK(house.show(client, job.id).reason == "no pool offers the function gone");
}
