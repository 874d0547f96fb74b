// SPDX-License-Identifier: Apache-2.0
// SEMANTICS S4 and S6: jobs that are taken back, and jobs that go with their client.
#include <doctest/doctest.h>

#include <csignal>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

const Options kTied = Options{}.abandon(Abandon::cancel, 5s);
constexpr const char* kGone = "its submitter has gone, and it was submitted to be cancelled then";

State state_of(House& house, const JobId& id) {
  return house.show(house.connect(), id).state;
}

/// One job runs, so that the others wait.
struct OneAtATime : ReadyHouse {
  OneAtATime() : ReadyHouse(one_at_a_time()) {
    submit(connect());
    begin(workers()[0]);
  }
  static Settings one_at_a_time() {
    Settings settings = one_pool();
    settings.pools[0].prefetch = 1;
    return settings;
  }
};

TEST_CASE("S6 a tied job is cancelled at once when its client has said Bye, or its process has ended") {
  OneAtATime house;
  const auto polite = house.connect();
  const JobId first = house.submit(polite, "f", kTied);
  house.ask(polite, message::Bye{});
  CHECK(state_of(house, first) == State::cancelled);
  CHECK(house.show(house.connect(), first).reason == kGone);
  const auto killed = house.connect();
  const JobId second = house.submit(killed, "f", kTied);
  house.handle(event::SessionGone{killed, event::Departure::for_good});
  CHECK(state_of(house, second) == State::cancelled);
}

TEST_CASE("S6 a tied job that runs is stopped when its client has gone, and then cancelled") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", kTied);
  const WorkerId worker = house.workers()[0];
  house.begin(worker);
  house.ask(client, message::Bye{});
  CHECK(house.hand(worker).told_cancelled.has_value());
  CHECK(state_of(house, id) == State::running);
  house.gone(worker, SIGTERM);
  CHECK(state_of(house, id) == State::cancelled);
}

TEST_CASE("S6 a lost connection is forgiven for the grace, and a reconnect within it saves the job") {
  OneAtATime house;
  const JobId name = new_job_id();
  const auto client = house.connect(1000, name);
  const JobId id = house.submit(client, "f", kTied);
  house.disconnect(client);
  house.wait(4s);
  const auto again = house.connect(1000, name);
  house.wait(10s);
  CHECK(state_of(house, id) == State::pending);
  house.disconnect(again);
  house.wait(5s - 1ms);
  CHECK(state_of(house, id) == State::pending);
  house.wait(1ms);
  CHECK(state_of(house, id) == State::cancelled);
}

TEST_CASE("S6 a reconnect that comes before the old connection has ended saves the job too") {
  OneAtATime house;
  const JobId name = new_job_id();
  const auto client = house.connect(1000, name);
  const JobId id = house.submit(client, "f", kTied);
  house.connect(1000, name);
  house.wait(10s);
  CHECK(state_of(house, id) == State::pending);
}

TEST_CASE("S6 the same client id of another user saves nothing") {
  OneAtATime house;
  const JobId name = new_job_id();
  const auto client = house.connect(1000, name);
  const JobId id = house.submit(client, "f", kTied);
  house.disconnect(client);
  house.connect(1001, name);
  house.wait(5s);
  CHECK(state_of(house, id) == State::cancelled);
}

TEST_CASE("S6 jobs that are not tied, or have ended, are not touched") {
  OneAtATime house;
  const auto client = house.connect();
  const JobId free = house.submit(client);
  house.finish(house.workers()[0]);  // the busy one
  house.finish(house.workers()[0]);
  const JobId tied = house.submit(client, "f", Options(kTied).remember("n", 1h));
  house.finish(house.workers()[0]);
  const JobId waiting = house.submit(client);
  house.ask(client, message::Bye{});
  CHECK(state_of(house, tied) == State::succeeded);
  CHECK(state_of(house, free) == State::succeeded);
  CHECK(state_of(house, waiting) != State::cancelled);
}

TEST_CASE("S6 after a restart a tied job waits for its client for the grace, from the start on") {
  const JobId name = new_job_id();
  for (const bool back : {false, true}) {
    CAPTURE(back);
    change::InsertJob written;
    {
      ReadyHouse before;
      const auto client = before.connect(1000, name);
      before.submit(client, "f", kTied);
      written = before.written<change::InsertJob>().at(0);
    }
    CHECK(written.options == kTied);
    House house(one_pool(), [&](House& h) {
      RecoveredJob job;
      job.id = written.id;
      job.owner = 1000;
      job.function = "f";
      job.options = written.options;
      job.submitted = h.now.wall - 1h;
      job.client = written.client;
      h.scheduler.restore(job, h.now, h.plan);
    });
    house.wait(4s);
    if (back) house.connect(1000, name);
    house.wait(2s);
    CHECK(state_of(house, written.id) == (back ? State::pending : State::cancelled));
  }
}

TEST_CASE("S6 a tied job stays in memory where others wait on disk") {
  Settings settings = one_pool();
  settings.limits.max_in_memory = 1;
  ReadyHouse house(settings);
  const auto client = house.connect();
  for (int i = 0; i < 200; ++i) house.submit(client);
  const JobId tied = house.submit(client, "f", kTied);
  const auto inserts = house.written<change::InsertJob>();
  REQUIRE(inserts.back().id == tied);
  CHECK_FALSE(inserts.back().backlog);
  CHECK(inserts[inserts.size() - 2].backlog);
}

TEST_CASE("S4 withdraw cancels what has not begun, and says how many; the others go on") {
  OneAtATime house;
  const auto client = house.connect();
  const JobId running = house.show(client, house.written<change::InsertJob>().at(0).id).id;
  const JobId waiting = house.submit(client);
  const JobId other = house.submit(house.connect(1001));
  house.ask(client, message::Withdraw{{running, waiting, other, new_job_id()}});
  CHECK(house.last<message::Count>(client).count == 1);
  CHECK(house.ended(client, waiting)->state == State::cancelled);
  CHECK(house.ended(client, waiting)->reason == "withdrawn by user 1000 before it had begun");
  CHECK(state_of(house, running) == State::running);
  CHECK(house.show(house.connect(1001), other).state == State::pending);
}

TEST_CASE("S4 withdraw takes back from a worker's channel what has not begun there") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  house.submit(client);
  house.finish(worker);  // so that the function is known to be a quick one
  const JobId begun = house.submit(client);
  house.begin(worker);
  const JobId next = house.submit(client);
  REQUIRE(house.hand(worker).channel.size() == 2);
  house.ask(client, message::Withdraw{{begun, next}});
  CHECK(house.ended(client, next)->state == State::cancelled);
  CHECK(house.hand(worker).signals.empty());
  house.finish(worker);
  CHECK(house.ended(client, begun)->state == State::succeeded);
}

TEST_CASE("S4 withdraw of what waits on disk, where not even a question may wait, is refused by its number") {
  Settings settings = one_pool();
  settings.limits.max_in_memory = 1;
  settings.limits.max_jobs_per_owner = 200;
  ReadyHouse house(settings);
  const auto client = house.connect();
  for (int i = 0; i < 200; ++i) house.submit(client);
  const auto inserts = house.written<change::InsertJob>();
  REQUIRE(inserts.back().backlog);
  const std::uint64_t number = house.ask(client, message::Withdraw{{inserts.back().id}});
  CHECK(house.last<message::Refused>(client).code == "limit");
  CHECK(house.sent(client).back().reply.number == number);
  CHECK(house.count<message::Count>(client) == 0);
}

TEST_CASE("S4 withdraw waits behind submissions that wait for a pool") {
  House house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  house.ask(client, message::Withdraw{{id}});
  CHECK(house.count<message::Count>(client) == 0);
  house.ready(house.workers()[0]);
  CHECK(house.last<message::Count>(client).count == 1);
  CHECK(house.ended(client, id)->state == State::cancelled);
}

}  // namespace
