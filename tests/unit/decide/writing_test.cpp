// SPDX-License-Identifier: Apache-2.0
// When the store is told of a durable job (DESIGN 3, write elision).
#include <doctest/doctest.h>

#include <csignal>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

/// The disk has just been told of a job, so that the next ones may wait.
struct BusyHouse : ReadyHouse {
  BusyHouse() : client(connect()) {
    submit(client);
    finish(workers()[0]);
    ask(client, std::monostate{}, {}, 1);
    changes.clear();
  }
  SessionId client;
};

}  // namespace

TEST_CASE("a durable job that comes alone is written and accepted at once") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client);
  CHECK(house.written<change::InsertJob>().size() == 1);
  CHECK(house.count<message::Accepted>(client) == 1);
}

TEST_CASE("of a stream of short durable jobs one in 50 ms is written") {
  ReadyHouse house;
  const auto client = house.connect();
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    house.submit(client);
    house.finish(house.workers()[0]);
    house.ask(client, std::monostate{}, {}, i);
    house.wait(100us);
  }
  CHECK(house.count<message::Ended>(client) == 1000);
  CHECK(house.written<change::InsertJob>().size() == 2);
  CHECK(house.written<change::DeleteJob>().size() == 2);
}

TEST_CASE("a job that has not ended within 50 ms is written, and only then accepted") {
  BusyHouse house;
  house.submit(house.client, "f", Options{}.durability(Durability::memory));
  house.wait(2ms);
  const auto accepted = house.count<message::Accepted>(house.client);
  const JobId id = house.submit(house.client);
  house.wait(49ms);
  CHECK(house.changes.empty());
  CHECK(house.count<message::Accepted>(house.client) == accepted);
  house.hold_commits();
  house.wait(1ms);
  REQUIRE(house.written<change::InsertJob>().size() == 1);
  CHECK(house.written<change::InsertJob>()[0].id == id);
  CHECK(house.count<message::Accepted>(house.client) == accepted);
  house.commit();
  CHECK(house.count<message::Accepted>(house.client) == accepted + 1);
}

TEST_CASE("C8 what a worker submits is written and accepted at once: its slot may be waiting for that") {
  BusyHouse house;
  const auto of_worker = house.connect_from(house.workers()[0]);
  const JobId id = house.submit(of_worker);
  REQUIRE(house.written<change::InsertJob>().size() == 1);
  CHECK(house.written<change::InsertJob>()[0].id == id);
  CHECK(house.count<message::Accepted>(of_worker) == 1);
}

TEST_CASE("a job that stands behind slow ones is written and accepted at once") {
  BusyHouse house;
  const auto accepted = house.count<message::Accepted>(house.client);
  SUBCASE("because the worker is in a slow one") {
    house.submit(house.client, "g", Options{}.durability(Durability::memory));
    house.wait(10ms);
  }
  SUBCASE("because its own function is slow") {
    house.submit(house.client, "f", Options{}.durability(Durability::memory));
    house.wait(100ms);
    house.finish(house.workers()[0]);
    house.submit(house.client, "f", Options{}.remember("n"));
    house.finish(house.workers()[0]);
  }
  SUBCASE("because there are many before it") {
    for (int i = 0; i < 3000; ++i) house.submit(house.client, "f", Options{}.durability(Durability::memory));
  }
  house.changes.clear();
  house.submit(house.client);
  CHECK(house.written<change::InsertJob>().size() == 1);
  CHECK(house.count<message::Accepted>(house.client) > accepted);
}

TEST_CASE("a job that begins to take long is written before its start is") {
  BusyHouse house;
  house.submit(house.client);
  house.wait(10ms);
  REQUIRE(house.changes.size() == 2);
  CHECK(std::holds_alternative<change::InsertJob>(house.changes[0]));
  CHECK(std::holds_alternative<change::StartJob>(house.changes[1]));
}

TEST_CASE("an outcome that did not arrive is written when its client goes") {
  BusyHouse house;
  const JobId id = house.submit(house.client);
  house.finish(house.workers()[0], "kept");
  house.wait(1s);
  CHECK(house.changes.empty());
  house.disconnect(house.client);
  REQUIRE(house.changes.size() == 2);
  CHECK(std::get<change::InsertJob>(house.changes[0]).id == id);
  CHECK(std::get<change::EndJob>(house.changes[1]).result.view() == "kept");
}

TEST_CASE("a job that ends after its client has gone is written with its end") {
  BusyHouse house;
  house.submit(house.client);
  house.disconnect(house.client);
  house.finish(house.workers()[0]);
  REQUIRE(house.changes.size() == 2);
  CHECK(std::holds_alternative<change::EndJob>(house.changes[1]));
}

TEST_CASE("R2 a name given to a job that is not written writes it, with its end if it has ended") {
  BusyHouse house;
  const JobId running = house.submit(house.client);
  house.ask(house.client, message::Remember{running, "a", 1min, Duplicate::raise, {}});
  REQUIRE(house.changes.size() == 2);
  CHECK(std::holds_alternative<change::InsertJob>(house.changes[0]));
  CHECK(std::holds_alternative<change::SetName>(house.changes[1]));
  house.finish(house.workers()[0]);
  house.changes.clear();
  const JobId ended = house.submit(house.client);
  house.finish(house.workers()[0]);
  CHECK(house.changes.empty());
  house.ask(house.client, message::Remember{ended, "b", 1min, Duplicate::raise, {}});
  REQUIRE(house.changes.size() == 3);
  CHECK(std::holds_alternative<change::EndJob>(house.changes[1]));
}

TEST_CASE("E6 what has not been written is when the daemon stops") {
  BusyHouse house;
  house.submit(house.client);
  house.submit(house.client);
  house.scheduler.drain(house.now, house.plan);
  house.turn();
  CHECK(house.written<change::InsertJob>().size() == 2);
}

TEST_CASE("A4 an interruption of a job that was not written is counted on disk") {
  BusyHouse house;
  house.submit(house.client);
  house.begin(house.workers()[0]);
  house.scheduler.stop_now(house.plan);
  house.turn();
  house.gone(house.workers()[0], SIGKILL);
  house.wait(50ms);
  REQUIRE(house.written<change::InsertJob>().size() == 1);
  REQUIRE(house.written<change::RequeueJob>().size() == 1);
  CHECK(house.written<change::RequeueJob>()[0].interruptions == 1);
  CHECK(house.written<change::RequeueJob>()[0].attempts == 0);
}
