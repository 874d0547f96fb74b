// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("a request before Hello is refused as no_session") {
  ReadyHouse house;
  const SessionId stranger{77};
  house.ask(stranger, message::StatusQuery{});
  CHECK(house.last<message::Refused>(stranger).code == "no_session");
}

TEST_CASE("a client of another protocol is told which of the two to update") {
  ReadyHouse house;
  const SessionId session{77};
  house.ask(session, message::Hello{.protocol = 99});
  CHECK(house.last<message::Refused>(session).code == "protocol");
  CHECK(house.last<message::Refused>(session).message ==
        "this daemon () speaks client protocol 1, the client speaks 99; update the older of the two");
}

TEST_CASE("who is granted nothing is refused everything") {
  auto settings = one_pool();
  settings.access.everyone = false;
  settings.access.users = {1001};
  ReadyHouse house(settings);
  const auto stranger = house.connect(1002);
  CHECK(house.last<message::Refused>(stranger).code == "not_permitted");
  house.submit(stranger);
  CHECK(house.last<message::Refused>(stranger).message ==
        "user 1002 may not use this daemon; the administrator grants it in section [access]");
  CHECK(house.changes.empty());
  const auto granted = house.connect(1001);
  house.submit(granted);
  CHECK(house.count<message::Accepted>(granted) == 1);
}

TEST_CASE("E2 more clients than max_clients are turned away by name") {
  auto settings = one_pool();
  settings.limits.max_clients = 1;
  ReadyHouse house(settings);
  house.connect();
  const auto second = house.connect();
  CHECK(house.last<message::Refused>(second).message.starts_with("max_clients (1) are connected"));
}

TEST_CASE(
    "S7 a client that comes back over a new connection gets what it had not received, and acknowledges it") {
  ReadyHouse house;
  const JobId client = new_job_id();
  const auto first = house.connect(1000, client);
  const JobId done = house.submit(first);
  const JobId running = house.submit(first);
  house.finish(house.workers()[0]);
  const auto second = house.connect(1000, client);
  house.ask(second, message::Watch{.key = {done, {}}});
  house.ask(second, message::Watch{.key = {running, {}}});
  CHECK(house.ended(second, done));
  house.finish(house.workers()[0]);
  CHECK(house.ended(second, running));
  house.ask(second, std::monostate{}, {}, 2);
  CHECK(house.written<change::DeleteJob>().size() == 2);
}

TEST_CASE("another client that looks at an unnamed outcome does not take it from its submitter") {
  ReadyHouse house;
  const auto submitter = house.connect();
  const auto other = house.connect();
  const JobId id = house.submit(submitter);
  house.finish(house.workers()[0]);
  house.ask(other, message::Watch{.key = {id, {}}});
  CHECK(house.ended(other, id));
  house.ask(other, std::monostate{}, {}, 100);
  CHECK(house.written<change::DeleteJob>().empty());
  house.ask(submitter, std::monostate{}, {}, 1);
  CHECK(house.written<change::DeleteJob>().size() == 1);
}

TEST_CASE("a client that does not read is sent no more than the window, and the rest when it does") {
  auto settings = one_pool();
  settings.pools[0].prefetch = 200;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const auto options = Options{}.durability(Durability::memory);
  const std::size_t jobs = kDeliveryWindow + 10;
  for (std::size_t i = 0; i < jobs; ++i) {
    house.submit(client, "f", options);
    house.finish(house.workers()[0]);
  }
  CHECK(house.count<message::Ended>(client) == kDeliveryWindow);
  house.ask(client, std::monostate{}, {}, kDeliveryWindow);
  CHECK(house.count<message::Ended>(client) == jobs);
  house.ask(client, std::monostate{}, {}, jobs);
  CHECK(house.status(client).jobs_by_state[static_cast<std::size_t>(State::succeeded)] == 0);
}

TEST_CASE("what a client said Bye to is kept for keep_unfetched and no longer") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  house.finish(house.workers()[0]);
  house.ask(client, message::Bye{});
  const auto other = house.connect();
  house.ask(other, message::Watch{.key = {id, {}}});
  CHECK(house.ended(other, id));
  house.wait(house.settings.limits.keep_unfetched);
  house.ask(other, message::Watch{.key = {id, {}}});
  CHECK(house.last<message::Refused>(other).code == "no_such_future");
}

TEST_CASE("a Bye acknowledges what has arrived, like any request") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client);
  house.finish(house.workers()[0]);
  house.ask(client, message::Bye{}, {}, 1);
  CHECK(house.written<change::DeleteJob>().size() == 1);
}

TEST_CASE("watching is told when the job ends, and limited") {
  auto settings = one_pool();
  settings.limits.max_watches = 1;
  ReadyHouse house(settings);
  const auto submitter = house.connect();
  const auto watcher = house.connect();
  const JobId id = house.submit(submitter);
  house.ask(watcher, message::Watch{.key = {id, {}}});
  CHECK(house.last<message::Known>(watcher).state == State::running);
  house.ask(watcher, message::Watch{.key = {id, {}}, .peek = true});
  CHECK(house.count<message::Refused>(watcher) == 0);
  house.ask(watcher, message::Watch{.key = {id, {}}});
  CHECK(house.last<message::Refused>(watcher).message ==
        "max_watches (1) is reached; raise it in section [limits]");
  house.finish(house.workers()[0]);
  CHECK(house.count<message::Ended>(watcher) == 1);
  CHECK(house.status(submitter).limits[5].used == 0);
}
