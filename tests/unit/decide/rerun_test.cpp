// SPDX-License-Identifier: Apache-2.0
// Jobs that somebody has run again (SEMANTICS M4), quarantined ones too (A3).
#include <doctest/doctest.h>

#include <csignal>

#include "common/ids.hpp"
#include "tests/unit/decide/tries.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("M4 A1 crashes before a retry by hand are no retries that were used up") {
  auto settings = one_pool();
  settings.limits.max_crashes = 2;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const JobId id =
      house.submit(client, "f", Options{}.retry_on(Retry::crash).retries(1).backoff(Backoff::fixed(0s)));
  crash_once(house);
  crash_once(house);
  REQUIRE(house.ended(client, id)->failure.cause == Cause::quarantined);
  house.ask(client, message::RetryJob{{id, {}}});
  house.fail(worker(house), failure(Cause::exception, "once"));
  CHECK(house.show(client, id).state == State::running);
  house.fail(worker(house), failure(Cause::exception, "twice"));
  CHECK(house.show(client, id).state == State::failed);
}

TEST_CASE("M4 A3 a quarantined job runs again with its arguments, and may crash as often once more") {
  auto settings = one_pool();
  settings.limits.max_crashes = 2;
  for (const Durability durability : {Durability::durable, Durability::memory}) {
    CAPTURE(static_cast<int>(durability));
    ReadyHouse house(settings);
    const auto client = house.connect();
    const JobId id = house.submit(
        client, "f", Options{}.durability(durability).remember("n", 1h).retry_on(Retry::crash).deadline(1min),
        "the arguments");
    crash_once(house);
    crash_once(house);
    REQUIRE(house.ended(client, id)->failure.cause == Cause::quarantined);
    house.wait(30min);
    house.ask(client, message::RetryJob{{{}, "n"}});
    CHECK(house.last<message::Known>(client).effect);
    CHECK(house.last<message::Known>(client).state == State::pending);
    CHECK(house.begin(worker(house)).attempt == 3);
    CHECK(house.dispatched_arguments.back() == "the arguments");
    const JobView view = house.show(client, id);
    CHECK(view.state == State::running);
    CHECK(view.crashes == 2);
    CHECK(view.ended == WallTime());
    CHECK(view.last_failure.cause == Cause::quarantined);
    CHECK((house.written<change::RetryJob>().size() == 1) == (durability == Durability::durable));
    house.wait(45min);  // its lifespan counts from its new end
    crash_once(house);
    CHECK(house.show(client, id).crashes == 3);
    CHECK(house.show(client, id).state == State::running);
    const auto watcher = house.connect();
    house.ask(watcher, message::Watch{{id, {}}, false, false});
    house.finish(worker(house), "at last");
    CHECK(house.ended(watcher, id)->state == State::succeeded);
    house.wait(1h);
    house.ask(client, message::Show{.key = {{}, "n"}});
    CHECK(house.last<message::Refused>(client).state == State::lapsed);
  }
}

TEST_CASE("M4 only a job that has failed runs again") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId running = house.submit(client);
  house.begin(worker(house));
  house.ask(client, message::RetryJob{{running, {}}});
  CHECK_FALSE(house.last<message::Known>(client).effect);
  CHECK(house.last<message::Known>(client).state == State::running);
  house.finish(worker(house));
  const JobId done = house.submit(client, "f", Options{}.remember("n", 1h));
  house.finish(worker(house));
  house.ask(client, message::RetryJob{{done, {}}});
  CHECK_FALSE(house.last<message::Known>(client).effect);
  CHECK(house.last<message::Known>(client).state == State::succeeded);
  CHECK(house.written<change::RetryJob>().empty());
}

TEST_CASE("M4 who asks twice has it run once") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client, "f", Options{}.remember("n", 1h));
  house.fail(worker(house), failure());
  house.ask(client, message::RetryJob{{{}, "n"}});
  CHECK(house.last<message::Known>(client).effect);
  house.ask(client, message::RetryJob{{{}, "n"}});
  CHECK_FALSE(house.last<message::Known>(client).effect);
  house.finish(worker(house));
  CHECK(house.hand(worker(house)).channel.empty());
}

TEST_CASE("M4 a job whose arguments are gone cannot run again, and the answer says why") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id =
      house.submit(client, "f", Options{}.durability(Durability::memory).remember("n", 1h), "arguments");
  house.fail(worker(house), failure());
  house.ask(client, message::RetryJob{{id, {}}});
  CHECK(house.last<message::Refused>(client).code == "arguments_gone");
  CHECK(house.last<message::Refused>(client).message ==
        "job " + id.text() +
            " cannot run again: its arguments are gone. They are kept of durable jobs that have failed here, "
            "and of quarantined ones; submit the call again");
  const JobId lost = house.submit(client, "f", Options{}.remember("m", 1h), "arguments");
  house.fail(worker(house), failure());
  house.load_arguments = [](const JobId&) { return Payload(); };  // as an earlier version has left it
  house.ask(client, message::RetryJob{{lost, {}}});
  CHECK(house.count<message::Refused>(client) == 2);
}

TEST_CASE("M4 a job runs again only for its owner and administrators, and where there is a function for it") {
  auto settings = one_pool();
  ReadyHouse house(settings);
  const auto client = house.connect(1000), other = house.connect(1001), admin = house.connect(0);
  const JobId id = house.submit(client, "f", Options{}.remember("n", 1h));
  house.fail(worker(house), failure());
  house.ask(other, message::RetryJob{{id, {}}});
  CHECK(house.last<message::Refused>(other).code == "no_such_future");
  house.ask(admin, message::RetryJob{{id, {}}});
  CHECK(house.last<message::Known>(admin).effect);
  house.fail(worker(house), failure());
  house.gone(worker(house), SIGKILL);
  house.ready(worker(house), {"g"});
  house.ask(client, message::RetryJob{{id, {}}});
  CHECK(house.last<message::Refused>(client).code == "no_function");
}

TEST_CASE(
    "M4 a job that has failed before it was written is on disk when the answer says that it runs again") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client);
  house.finish(worker(house));  // it is known to be quick
  const JobId id = house.submit(client, "f", {}, "the arguments");
  house.fail(worker(house), failure());
  for (const auto& insert : house.written<change::InsertJob>()) REQUIRE(insert.id != id);
  house.ask(client, message::RetryJob{{id, {}}});
  CHECK(house.last<message::Known>(client).effect);
  const auto inserted = house.written<change::InsertJob>().back();
  CHECK(inserted.id == id);
  CHECK(inserted.arguments.view() == "the arguments");
  CHECK(house.written<change::RequeueJob>().back().attempts == 1);
  CHECK(house.begin(worker(house)).attempt == 2);
}

TEST_CASE("M4 Q8 a unique job that runs again after a restart is joined") {
  RecoveredJob job;
  job.id = new_job_id();
  job.owner = 1000;
  job.function = "f";
  job.options.unique();
  job.arguments_size = 1;
  job.state = State::failed;
  job.attempts = 1;
  job.failure = failure();
  House house(one_pool(), [&](House& h) {
    job.submitted = job.ended = h.now.wall - 1s;
    h.scheduler.restore(job, h.now, h.plan);
  });
  house.load_arguments = [](const JobId&) { return Payload("x"); };
  house.ready(worker(house));
  const auto client = house.connect();
  house.ask(client, message::RetryJob{{job.id, {}}});
  REQUIRE(house.last<message::Known>(client).effect);
  house.submit(client, "f", Options{}.unique(), "x");
  CHECK(house.last<message::Known>(client).id == job.id);
  CHECK(house.hand(worker(house)).channel.size() == 1);
  CHECK(house.dispatched_arguments.size() == 1);
}
