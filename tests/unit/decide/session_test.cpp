// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <numeric>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

std::uint64_t used(House& house, SessionId who, const std::string& limit) {
  for (const LimitView& view : house.status(who).limits) {
    if (view.name == limit) return view.used;
  }
  throw std::runtime_error("no such limit is shown: " + limit);
}

}  // namespace

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
  CHECK(house.last<message::Refused>(stranger).message ==
        "user 1002 may not use this daemon; the administrator grants it in section [access]");
  house.submit(stranger);
  CHECK(house.last<message::Refused>(stranger).code == "no_session");
  CHECK(house.changes.empty());
  const auto granted = house.connect(1001);
  house.submit(granted);
  CHECK(house.count<message::Accepted>(granted) == 1);
}

TEST_CASE("a connection says Hello once: a second one is refused and changes nothing") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  const auto other = house.connect();
  house.ask(other, message::Watch{.key = {id, {}}});
  house.ask(other, message::Hello{message::kClientProtocol, new_job_id(), "again"});
  CHECK(house.last<message::Refused>(other).message == "this connection has said Hello already");
  house.ask(other, message::Hello{.protocol = 99});
  CHECK(used(house, client, "max_clients_per_owner") == 2);
  CHECK(used(house, client, "max_watches_per_owner") == 1);
  house.disconnect(other);
  CHECK(used(house, client, "max_clients_per_owner") == 1);
  CHECK(used(house, client, "max_watches_per_owner") == 0);
}

TEST_CASE("E2 more clients than max_clients are turned away by name") {
  auto settings = one_pool();
  settings.limits.max_clients = 1;
  ReadyHouse house(settings);
  house.connect();
  const auto second = house.connect();
  CHECK(house.last<message::Refused>(second).message.starts_with(
      "max_clients (1) is reached: so many clients are connected; close some"));
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
  CHECK(used(house, second, "max_jobs_per_owner") == 0);
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
  ReadyHouse house(prefetching(200));
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
  CHECK(
      house.last<message::Refused>(watcher).message ==
      "max_watches (1) is reached: so many requests wait for the end of a job; wait for fewer at a time, or "
      "raise it in section [limits]");
  house.finish(house.workers()[0]);
  CHECK(house.count<message::Ended>(watcher) == 1);
  CHECK(used(house, submitter, "max_watches_per_owner") == 0);
}

TEST_CASE("E2 watches of a client that has gone do not count any more") {
  auto settings = one_pool();
  settings.limits.max_watches = 1;
  ReadyHouse house(settings);
  const auto submitter = house.connect();
  const JobId id = house.submit(submitter);
  const auto first = house.connect();
  house.ask(first, message::Watch{.key = {id, {}}});
  house.disconnect(first);
  const auto second = house.connect();
  house.ask(second, message::Watch{.key = {id, {}}});
  CHECK(house.count<message::Refused>(second) == 0);
  house.finish(house.workers()[0]);
  CHECK(house.ended(second, id));
  CHECK(used(house, submitter, "max_watches_per_owner") == 0);
}

TEST_CASE("E2 one owner's clients, names, bytes and watches do not use up another's") {
  auto settings = one_pool();
  settings.limits.max_clients_per_owner = 2;
  settings.limits.max_remembered_per_owner = 1;
  settings.limits.max_bytes_per_owner = 20;
  settings.limits.max_watches_per_owner = 1;
  ReadyHouse house(settings);
  const auto alice = house.connect(1001);
  const auto again = house.connect(1001);
  CHECK(house.last<message::Refused>(house.connect(1001))
            .message.starts_with("max_clients_per_owner (2) is reached: so many of your clients"));
  const auto bob = house.connect(1002);

  const JobId id = house.submit(alice, "f", Options{}.remember("one"), "x");
  house.submit(alice, "f", Options{}.remember("two"), "x");
  CHECK(house.last<message::Refused>(alice).message.starts_with("max_remembered_per_owner (1) is reached"));
  house.submit(alice, "f", {}, std::string(20, 'x'));
  CHECK(house.last<message::Refused>(alice).message.starts_with("max_bytes_per_owner (20) is reached"));
  house.ask(again, message::Watch{.key = {id, {}}});
  house.ask(again, message::Watch{.key = {id, {}}});
  CHECK(house.last<message::Refused>(again).message.starts_with("max_watches_per_owner (1) is reached"));

  const JobId other = house.submit(bob, "f", Options{}.remember("one"), std::string(20, 'x'));
  house.ask(bob, message::Watch{.key = {other, {}}});
  CHECK(house.count<message::Refused>(bob) == 0);
}

TEST_CASE("a user's status has the own jobs and limits, an administrator's those of all") {
  ReadyHouse house;
  const auto alice = house.connect(1001);
  const auto bob = house.connect(1002);
  const auto root = house.connect(0);
  house.submit(alice);
  house.submit(bob);
  house.submit(bob);
  CHECK(used(house, alice, "max_jobs_per_owner") == 1);
  CHECK(used(house, bob, "max_jobs_per_owner") == 2);
  CHECK(used(house, root, "max_jobs") == 3);
  const auto jobs = [&](SessionId who) {
    const auto by_state = house.status(who).jobs_by_state;
    return std::accumulate(by_state.begin(), by_state.end(), std::uint64_t{0});
  };
  CHECK(jobs(alice) == 1);
  CHECK(jobs(root) == 3);
}

TEST_CASE("a client that does not read is sent results up to a quarter of max_unread, and at least one") {
  auto settings = one_pool();
  settings.limits.max_unread = 400;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  for (const std::size_t size : {300, 40, 60}) {
    house.submit(client);
    house.finish(worker, std::string(size, 'r'));
  }
  CHECK(house.count<message::Ended>(client) == 1);
  house.ask(client, std::monostate{}, {}, 1);
  CHECK(house.count<message::Ended>(client) == 3);
  house.ask(client, std::monostate{}, {}, 3);
  CHECK(used(house, client, "max_jobs_per_owner") == 0);
}

TEST_CASE("results that come from the store count as under way before they are read") {
  auto settings = one_pool();
  settings.limits.max_unread = 8000;
  ReadyHouse house(settings);
  const auto client = house.connect();
  for (const char* name : {"a", "b", "c"}) {
    house.submit(client, "f", Options{}.remember(name));
    house.finish(house.workers()[0], std::string(1500, name[0]));
  }
  const auto reader = house.connect();
  for (const char* name : {"a", "b", "c"}) house.ask(reader, message::Watch{.key = {{}, name}});
  CHECK(house.count<message::Ended>(reader) == 1);
  house.ask(reader, std::monostate{}, {}, 1);
  CHECK(house.count<message::Ended>(reader) == 2);
  house.ask(reader, std::monostate{}, {}, 2);
  REQUIRE(house.count<message::Ended>(reader) == 3);
  CHECK(house.sent(reader).back().payload == std::string(1500, 'c'));
}

TEST_CASE("an outcome that its submitter has is kept for another who waits for it and reads slowly") {
  auto settings = one_pool();
  settings.limits.max_unread = 400;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const auto slow = house.connect();
  const JobId first = house.submit(client);
  house.ask(slow, message::Watch{.key = {first, {}}});
  const JobId second = house.submit(client);
  house.ask(slow, message::Watch{.key = {second, {}}});
  house.finish(house.workers()[0], std::string(90, '1'));
  house.finish(house.workers()[0], std::string(90, '2'));
  CHECK(house.count<message::Ended>(slow) == 1);
  house.ask(client, std::monostate{}, {}, 1);
  CHECK(house.ended(client, second));
  house.ask(client, std::monostate{}, {}, 2);
  house.ask(slow, std::monostate{}, {}, 1);
  CHECK(house.ended(slow, second));
  CHECK(house.sent(slow).back().payload == std::string(90, '2'));
}

TEST_CASE("what lapses while it is being read for a slow client leaves the way free for the next") {
  auto settings = one_pool();
  settings.limits.max_unread = 8000;
  ReadyHouse house(settings);
  const auto client = house.connect();
  house.submit(client, "f", Options{}.remember("a", std::chrono::seconds(5)));
  house.finish(house.workers()[0], std::string(1900, 'a'));
  house.submit(client, "f", Options{}.remember("b", std::chrono::hours(1)));
  house.finish(house.workers()[0], std::string(1900, 'b'));
  const auto reader = house.connect();
  // The store is slow: nothing that is asked of it comes.
  std::vector<JobId> asked;
  house.load_later = [&](const JobId& id) { asked.push_back(id); };
  for (int i = 0; i < 3; ++i) house.ask(reader, message::Watch{.key = {{}, "a"}});
  CHECK(asked.size() == 1);
  house.wait(std::chrono::seconds(5));
  CHECK(house.count<message::Refused>(reader) == 3);
  house.load_later = {};
  house.ask(reader, message::Watch{.key = {{}, "b"}});
  REQUIRE(house.count<message::Ended>(reader) == 1);
  CHECK(house.sent(reader).back().payload.size() == 1900);
}

TEST_CASE("R7 who takes too late while the result is being read has room for the next") {
  auto settings = one_pool();
  settings.limits.max_unread = 8000;
  ReadyHouse house(settings);
  const auto client = house.connect();
  house.submit(client, "f", Options{}.remember("a", std::chrono::hours(1)));
  house.finish(house.workers()[0], std::string(1900, 'a'));
  const JobId next = house.submit(client, "f", Options{}.remember("b", std::chrono::hours(1)));
  house.finish(house.workers()[0], std::string(1900, 'b'));
  const auto first = house.connect();
  const auto second = house.connect();
  std::vector<JobId> asked;
  house.load_later = [&](const JobId& id) { asked.push_back(id); };
  for (const auto taker : {first, second}) house.ask(taker, message::Watch{.key = {{}, "a"}, .take = true});
  house.ask(second, message::Watch{.key = {next, {}}});
  REQUIRE(asked.size() == 1);  // for the second result the second client has no room
  house.load_later = {};
  house.handle(event::ResultLoaded{asked[0], true, {}, Payload(std::string(1900, 'a'))});
  CHECK(house.count<message::Ended>(first) == 1);
  CHECK(house.last<message::Refused>(second).state == State::forgotten);
  REQUIRE(house.ended(second, next));
  CHECK(house.sent(second).back().payload == std::string(1900, 'b'));
}

TEST_CASE("what has lapsed while it was held back for a slow client is told as lapsed") {
  auto settings = one_pool();
  settings.limits.max_unread = 4000;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.remember("a", std::chrono::seconds(5)));
  house.finish(house.workers()[0], std::string(900, 'a'));
  const auto reader = house.connect();
  house.ask(reader, message::Watch{.key = {{}, "a"}});
  house.ask(reader, message::Watch{.key = {{}, "a"}});
  house.wait(std::chrono::seconds(5));
  house.ask(reader, std::monostate{}, {}, 1);
  CHECK(house.count<message::Ended>(reader) == 1);
  CHECK(house.last<message::Refused>(reader).state == State::lapsed);
  CHECK(house.last<message::Refused>(reader).message == "job " + id.text() + " has lapsed");
}
