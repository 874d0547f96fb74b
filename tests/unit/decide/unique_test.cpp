// SPDX-License-Identifier: Apache-2.0
// Unique submissions (SEMANTICS Q8).
#include "daemon/decide/unique.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

const Options kUnique = Options{}.unique();

/// The job that the last answer to this session is about, if it is another than the submitted one.
JobId joined(House& house, SessionId session) {
  return house.last<message::Known>(session).id;
}

}  // namespace

TEST_CASE("a hash tells apart what is not equal, and depends on the secret") {
  const UniqueJobs one(1), other(2);
  const Hash128 hash = one.hash(1000, "f", "arguments");
  CHECK(hash == one.hash(1000, "f", "arguments"));
  CHECK(hash != one.hash(1001, "f", "arguments"));
  CHECK(hash != one.hash(1000, "g", "arguments"));
  CHECK(hash != one.hash(1000, "f", "argument"));
  CHECK(one.hash(1000, "ab", "c") != one.hash(1000, "a", "bc"));
  CHECK(hash != other.hash(1000, "f", "arguments"));
}

TEST_CASE("Q8 a unique submission joins the equal one that waits or runs, and has its outcome") {
  ReadyHouse house;
  const auto client = house.connect(), other = house.connect();
  const JobId first = house.submit(client, "f", kUnique, "x");
  CHECK(house.show(client, first).unique);
  const JobId second = house.submit(other, "f", kUnique, "x");
  CHECK(joined(house, other) == first);
  house.begin(house.workers()[0]);
  const auto third = house.connect();
  house.submit(third, "f", kUnique, "x");
  CHECK(joined(house, third) == first);
  house.finish(house.workers()[0], "once");
  for (const SessionId session : {client, other, third}) {
    REQUIRE(house.ended(session, first));
    CHECK(house.ended(session, first)->state == State::succeeded);
  }
  CHECK_FALSE(house.ended(other, second));
  CHECK(house.hand(house.workers()[0]).channel.empty());
}

TEST_CASE("Q8 R3 a client may ask by its own id for the job that its submission has joined") {
  ReadyHouse house;
  const auto client = house.connect(), other = house.connect(), third = house.connect();
  const JobId first = house.submit(client, "f", Options(kUnique).delay(1h).remember("n", 1h), "x");
  const JobId second = house.submit(other, "f", kUnique, "x");
  const JobId attached = house.submit(third, "f", Options().remember("n", 1h, Duplicate::attach), "y");
  house.ask(client, message::Cancel{{second, {}}});
  CHECK(house.last<message::Refused>(client).code == "no_such_future");
  house.ask(third, message::Adjust{attached, 1min, {}});
  CHECK(house.last<message::Known>(third).id == first);
  house.ask(other, message::Cancel{{second, {}}});
  CHECK(house.ended(client, first)->state == State::cancelled);
}

TEST_CASE("Q8 what differs, what is not unique and what comes after the end runs for itself") {
  ReadyHouse house(prefetching(16));
  const auto client = house.connect(1000), other = house.connect(1001);
  house.submit(client, "f", kUnique, "x");
  house.submit(client, "f", kUnique, "y");
  house.submit(client, "g", kUnique, "x");
  house.submit(other, "f", kUnique, "x");
  house.submit(client, "f", {}, "x");
  CHECK(house.dispatched_arguments.size() == 5);
  house.finish(house.workers()[0]);
  house.submit(client, "f", kUnique, "x");
  CHECK(house.dispatched_arguments.size() == 6);
}

TEST_CASE("Q8 a job that is scheduled or in a pause is joined, one that is being cancelled is not") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId later = house.submit(client, "f", Options(kUnique).delay(1h), "x");
  house.submit(client, "f", kUnique, "x");
  CHECK(joined(house, client) == later);
  const JobId pausing = house.submit(client, "f", Options(kUnique).retries(1), "y");
  Failure failure;
  failure.cause = Cause::exception;
  house.fail(house.workers()[0], failure);
  house.submit(client, "f", kUnique, "y");
  CHECK(joined(house, client) == pausing);
  const JobId running = house.submit(client, "f", kUnique, "z");
  house.begin(house.workers()[0]);
  house.ask(client, message::Cancel{{running, {}}});
  const JobId next = house.submit(client, "f", kUnique, "z");
  house.finish(house.workers()[0]);
  CHECK(house.ended(client, running)->state == State::cancelled);
  CHECK(house.begin(house.workers()[0]).id == next);
  house.submit(client, "f", kUnique, "z");
  CHECK(joined(house, client) == next);
}

TEST_CASE("Q8 a durable submission does not join a job that lives in memory alone") {
  ReadyHouse house(prefetching(16));
  const auto client = house.connect();
  house.submit(client, "f", Options(kUnique).durability(Durability::memory), "x");
  const JobId durable = house.submit(client, "f", kUnique, "x");
  CHECK(house.dispatched_arguments.size() == 2);
  house.submit(client, "f", Options(kUnique).durability(Durability::memory), "x");
  CHECK(joined(house, client) == durable);
}

TEST_CASE("Q8 the name of a submission that joins is given to a job that has none") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", kUnique, "x");
  house.submit(client, "f", Options(kUnique).remember("n", 1h), "x");
  CHECK(house.show(client, id).name == "n");
  const JobId holder = house.submit(client, "f", Options{}.remember("taken", 1h), "y");
  house.submit(client, "f", Options(kUnique).remember("taken", 1h, Duplicate::replace), "x");
  CHECK(joined(house, client) == id);
  CHECK(house.show(client, id).name == "n");
  CHECK(house.show(client, holder).name == "taken");
}

TEST_CASE("Q8 unique jobs are known after a restart, also those that wait on disk") {
  RecoveredJob job;
  job.id = new_job_id();
  job.owner = 1000;
  job.function = "f";
  job.options = kUnique;
  job.arguments = Payload("x");
  job.arguments_size = 1;
  for (const bool on_disk : {false, true}) {
    CAPTURE(on_disk);
    House house(one_pool(), [&](House& h) {
      h.load_backlog_later = [](const effect::LoadBacklog&) {};
      job.submitted = h.now.wall - 1s;
      if (on_disk) {
        h.scheduler.restore(RecoveredBacklog{"default", "f", {}, 0, 1000, 1, job.submitted});
        h.scheduler.restore_backlog_id(job.id);
        h.scheduler.restore_known(job, h.now, h.plan);
      } else {
        h.scheduler.restore(job, h.now, h.plan);
      }
    });
    house.ready(house.workers()[0]);
    const auto client = house.connect();
    house.submit(client, "f", kUnique, "x");
    CHECK(joined(house, client) == job.id);
    house.submit(client, "f", kUnique, "y");
    CHECK(joined(house, client) == job.id);  // still the last: this one runs for itself
  }
}

TEST_CASE("Q8 a unique job that goes to the backlog is known by its arguments there") {
  auto settings = one_pool();
  settings.limits.max_in_memory = 16;
  House house(settings);
  house.load_backlog_later = [](const effect::LoadBacklog&) {};
  const auto client = house.connect();
  house.ready(house.workers()[0]);
  for (int i = 0; i < 40; ++i) house.submit(client);
  const JobId id = house.submit(client, "f", kUnique, "x");
  REQUIRE(house.written<change::InsertJob>().back().backlog);
  CHECK(house.written<change::InsertJob>().back().known);
  CHECK(house.written<change::InsertJob>().back().options == kUnique);
  house.submit(client, "f", kUnique, "x");
  CHECK(joined(house, client) == id);
}

TEST_CASE("Q8 E2 what joins an equal job takes nothing, and is refused by no limit that is reached") {
  struct Row {
    const char* what;
    std::function<void(House&)> reach;
    std::string code;
  };
  const std::vector<Row> rows{
      {"max_jobs", [](House& h) { h.settings.limits.max_jobs = 1; }, "limit"},
      {"max_bytes", [](House& h) { h.settings.limits.max_bytes = 1; }, "limit"},
      {"max_queues", [](House& h) { h.settings.limits.max_queues = 0; }, "limit"},
      {"max_unwritten", [](House& h) { h.settings.limits.max_unwritten = 0; }, "limit"},
      {"disk", [](House& h) { h.around.store.full_since = h.now.wall; }, "disk_full"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    ReadyHouse house;
    const auto client = house.connect();
    const JobId id = house.submit(client, "f", Options(kUnique).delay(1h), "xyz");
    row.reach(house);
    house.submit(client, "f", Options(kUnique).queue("other"), "xyz");
    CHECK(house.count<message::Refused>(client) == 0);
    CHECK(joined(house, client) == id);
    house.submit(client, "f", Options(kUnique).queue("other"), "other");
    CHECK(house.last<message::Refused>(client).code == row.code);
    // What could not be a job joins none.
    house.submit(client, "f", Options(kUnique).priority(101), "xyz");
    CHECK(house.last<message::Refused>(client).code == "bad_request");
  }
}
