// SPDX-License-Identifier: Apache-2.0
// Jobs that begin later, and those that must have begun by a moment (SEMANTICS T2, T4).
#include <doctest/doctest.h>

#include <algorithm>

#include "common/ids.hpp"
#include "common/units.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

/// As the store has a job that was submitted with these options.
RecoveredJob stored(Options options, WallTime submitted) {
  RecoveredJob job;
  job.id = new_job_id();
  job.owner = 1000;
  job.function = "f";
  job.options = std::move(options);
  job.submitted = submitted;
  return job;
}

}  // namespace

TEST_CASE("T2 a delayed job is scheduled until its moment, and then takes its turn") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.delay(10s));
  const WallTime due = house.now.wall + 10s;
  JobView view = house.show(client, id);
  CHECK(view.state == State::scheduled);
  CHECK(view.due == due);
  CHECK(view.begin_after == due);
  CHECK(view.reason == "it begins after " + format_time(due));
  CHECK(house.scheduler.next_due(house.now) == Nanos(10s));
  CHECK(house.status(client).jobs_by_state[static_cast<std::size_t>(State::scheduled)] == 1);
  house.wait(10s - 1ms);
  CHECK(house.hand(house.workers()[0]).channel.empty());
  house.wait(1ms);
  CHECK(house.begin(house.workers()[0]).id == id);
  CHECK(house.show(client, id).state == State::running);
  CHECK(house.show(client, id).due == WallTime());
  house.finish(house.workers()[0]);
  CHECK(house.ended(client, id)->state == State::succeeded);
}

TEST_CASE("T2 a moment in the past starts at once") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.begin_after(house.now.wall - 1h));
  CHECK(house.begin(house.workers()[0]).id == id);
}

TEST_CASE("T4 a jump of the wall clock moves a moment, and not a delay") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId dated = house.submit(client, "f", Options{}.begin_after(house.now.wall + 1h));
  const JobId delayed = house.submit(client, "f", Options{}.delay(1h));
  house.jump_wall_clock(1h);
  CHECK(house.begin(house.workers()[0]).id == dated);
  CHECK(house.show(client, delayed).state == State::scheduled);
  house.finish(house.workers()[0]);
  house.jump_wall_clock(-3h);
  const JobId later = house.submit(client, "f", Options{}.begin_after(house.now.wall + 2h));
  house.wait(1h);
  CHECK(house.finish(house.workers()[0]) == delayed);
  CHECK(house.show(client, later).state == State::scheduled);
}

TEST_CASE("T2 a job that has not begun by its moment is expired, and says so") {
  struct Row {
    const char* what;
    Options options;
    Nanos begins;  ///< when it may
    Nanos expires;
  };
  const WallTime now = House().now.wall;
  const Row rows[] = {
      {"from its submission", Options{}.begin_by(5s), 0s, 5s},
      {"from the end of its delay", Options{}.delay(10s).begin_by(5s), 10s, 15s},
      {"from its moment", Options{}.begin_after(now + 20s).begin_by(5s), 20s, 25s},
      {"from a moment in the past", Options{}.begin_after(now - 2s).begin_by(5s), 0s, 3s},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    House house;
    const auto client = house.connect();
    house.ready(house.workers()[0]);
    house.submit(client);  // keeps the worker
    const JobId id = house.submit(client, "f", row.options);
    CHECK(house.show(client, id).begin_by == 5s);
    CHECK((house.show(client, id).state == State::scheduled) == (row.begins > 0s));
    house.wait(row.begins);
    CHECK(house.show(client, id).state == State::pending);
    house.wait(row.expires - row.begins - 1ms);
    CHECK(house.show(client, id).state == State::pending);
    house.wait(1ms);
    const auto ended = house.ended(client, id);
    REQUIRE(ended);
    CHECK(ended->state == State::expired);
    CHECK(ended->reason == "it had not begun within its begin_by (5000 ms)");
  }
}

TEST_CASE("T2 a moment so long ago that it is too late to begin expires the job before it runs") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.begin_after(house.now.wall - 1h).begin_by(10min));
  CHECK(house.ended(client, id)->state == State::expired);
  CHECK(house.hand(house.workers()[0]).channel.empty());
}

TEST_CASE("T2 what has begun in time is not too late any more") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.begin_by(5s));
  house.begin(house.workers()[0]);
  house.wait(1h);
  CHECK(house.finish(house.workers()[0]) == id);
  CHECK(house.ended(client, id)->state == State::succeeded);
}

TEST_CASE("T1 the timeout of a delayed job counts from its moment, T3 its deadline from its submission") {
  House house;
  const auto client = house.connect();
  house.ready(house.workers()[0]);
  house.submit(client);
  const JobId waits = house.submit(client, "f", Options{}.delay(10s).timeout(5s));
  const JobId late = house.submit(client, "f", Options{}.delay(10s).deadline(8s));
  const JobId dated =
      house.submit(client, "f", Options{}.begin_after(house.now.wall + 10s).deadline(8s).timeout(1s));
  house.wait(8s);
  for (const JobId& id : {late, dated}) {
    CHECK(house.ended(client, id)->state == State::failed);
    CHECK(house.ended(client, id)->failure.limit == "deadline");
  }
  CHECK_FALSE(house.ended(client, waits));
  house.wait(7s - 1ms);
  CHECK(house.show(client, waits).state == State::pending);
  house.wait(1ms);
  CHECK(house.ended(client, waits)->state == State::expired);
  CHECK(house.ended(client, waits)->reason.empty());
}

TEST_CASE("T2 a delayed job enters its queue behind those that are there, and before those that come later") {
  House house;
  const auto client = house.connect();
  house.ready(house.workers()[0]);
  house.submit(client);
  const JobId late = house.submit(client, "f", Options{}.delay(10s));
  const JobId soon = house.submit(client, "f", Options{}.delay(5s));
  const JobId plain = house.submit(client);
  const JobId urgent = house.submit(client, "f", Options{}.delay(10s).priority(1));
  house.wait(10s);
  const JobId last = house.submit(client);
  house.finish(house.workers()[0]);
  for (const JobId& id : {urgent, plain, soon, late, last}) CHECK(house.finish(house.workers()[0]) == id);
}

TEST_CASE("X1 a scheduled job is cancelled at once, and S4 withdrawn") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId cancelled = house.submit(client, "f", Options{}.delay(1h));
  const JobId withdrawn = house.submit(client, "f", Options{}.begin_after(house.now.wall + 1h));
  house.ask(client, message::Cancel{{cancelled, {}}});
  CHECK(house.ended(client, cancelled)->state == State::cancelled);
  house.ask(client, message::Withdraw{{withdrawn}});
  CHECK(house.ended(client, withdrawn)->state == State::cancelled);
  CHECK_FALSE(house.scheduler.next_due(house.now) == Nanos(1h));
  house.wait(2h);
  CHECK(house.hand(house.workers()[0]).channel.empty());
}

TEST_CASE("T2 a scheduled job is written at once, with what it was submitted with") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client);  // not so long ago that all would be written at once
  const Options options = Options{}.delay(1500ms).begin_by(3s);
  house.submit(client, "f", options);
  const WallTime moment = house.now.wall + 1h;
  house.submit(client, "f", Options{}.begin_after(moment));
  const auto inserts = house.written<change::InsertJob>();
  REQUIRE(inserts.size() >= 2);
  CHECK(inserts[inserts.size() - 2].options == options);
  CHECK(inserts.back().options == Options{}.begin_after(moment));
}

TEST_CASE("T4 delays and moments survive a restart, and count from the submission") {
  struct Row {
    const char* what;
    Options options;
    Nanos waits;  ///< after the restart; negative: it is expired
  };
  const WallTime now = House().now.wall;
  const WallTime submitted = now - 10s;
  const Row rows[] = {
      {"a delay that is not over", Options{}.delay(30s), 20s},
      {"a delay that is over", Options{}.delay(5s), 0s},
      {"a moment to come", Options{}.begin_after(now + 7s), 7s},
      {"a moment that passed meanwhile", Options{}.begin_after(now - 3s), 0s},
      {"in time still", Options{}.delay(5s).begin_by(6s), 0s},
      {"too late meanwhile, after a delay", Options{}.delay(5s).begin_by(4s), -1s},
      {"too late meanwhile, after a moment", Options{}.begin_after(now - 3s).begin_by(2s), -1s},
      {"too late meanwhile", Options{}.begin_by(9s), -1s},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const RecoveredJob job = stored(row.options, submitted);
    House house(one_pool(), [&](House& h) { h.scheduler.restore(job, h.now, h.plan); });
    const auto client = house.connect();
    house.ready(house.workers()[0]);
    if (row.waits < 0s) {
      CHECK(house.written<change::EndJob>().at(0).state == State::expired);
      continue;
    }
    if (row.waits > 0s) {
      CHECK(house.show(client, job.id).state == State::scheduled);
      house.wait(row.waits - 1ms);
      CHECK(house.hand(house.workers()[0]).channel.empty());
      house.wait(1ms);
    }
    CHECK(house.begin(house.workers()[0]).id == job.id);
  }
}

TEST_CASE("T2 a delayed job that was cut off runs again at once") {
  RecoveredJob job = stored(Options{}.delay(1h).begin_by(1s), WallTime());
  House house(one_pool(), [&](House& h) {
    job.submitted = h.now.wall - 1min;
    job.started = true;
    job.attempts = 1;
    h.scheduler.restore(job, h.now, h.plan);
  });
  house.ready(house.workers()[0]);
  CHECK(house.begin(house.workers()[0]).id == job.id);
}

TEST_CASE("T2 what is due at one moment goes in steps, so that nobody has to wait for all of it") {
  auto settings = one_pool();
  settings.limits.max_in_memory = 10'000;
  House house(settings);
  const auto client = house.connect();
  house.ready(house.workers()[0]);
  for (int i = 0; i < 2500; ++i)
    house.submit(client, "f", Options{}.delay(1h).durability(Durability::memory));
  const auto scheduled = [&] {
    return house.status(client).jobs_by_state[static_cast<std::size_t>(State::scheduled)];
  };
  house.now.steady += 1h;
  house.now.wall += 1h;
  house.turn();
  CHECK(house.scheduler.next_due(house.now) == Nanos(0));
  // Each question is a turn too, and answered before others enter.
  CHECK(scheduled() == 1500);
  CHECK(scheduled() == 500);
  CHECK(scheduled() == 0);
}

TEST_CASE("T2 a scheduled job does not go to the backlog, nor before jobs that wait there") {
  auto settings = one_pool();
  settings.limits.max_in_memory = 16;
  House house(settings);
  const auto client = house.connect();
  // Nothing comes from the disk as long as the test lasts.
  std::vector<effect::LoadBacklog> asked;
  house.load_backlog_later = [&](const effect::LoadBacklog& page) { asked.push_back(page); };
  house.ready(house.workers()[0]);
  for (int i = 0; i < 60; ++i) house.submit(client, "f", Options{}.priority(-1));
  REQUIRE(house.written<change::InsertJob>().back().backlog);
  const JobId id = house.submit(client, "f", Options{}.delay(1s).priority(-1));
  CHECK_FALSE(house.written<change::InsertJob>().back().backlog);
  house.wait(1s);
  CHECK(house.show(client, id).state == State::pending);
  CHECK(house.show(client, id).reason == "others are before it, and wait on disk");
}
