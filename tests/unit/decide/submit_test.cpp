// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

void check_refused(Settings settings, const Options& options, const std::string& function,
                   const std::string& code, const std::string& message) {
  ReadyHouse house(std::move(settings));
  const auto client = house.connect();
  house.submit(client, function, options);
  const auto& refused = house.last<message::Refused>(client);
  CHECK(refused.code == code);
  CHECK(refused.message == message);
  CHECK(house.written<change::InsertJob>().empty());
}

}  // namespace

TEST_CASE("a submitted job is written, dispatched, and its outcome sent to the submitter") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", {}, "hello");
  REQUIRE(house.written<change::InsertJob>().size() == 1);
  CHECK(house.written<change::InsertJob>()[0].arguments.view() == "hello");
  CHECK(house.last<message::Accepted>(client).numbers.size() == 1);
  const WorkerId worker = house.workers().at(0);
  CHECK(house.finish(worker, "value") == id);
  const auto ended = house.ended(client, id);
  REQUIRE(ended);
  CHECK(ended->state == State::succeeded);
  CHECK(house.sent(client).back().payload == "value");
}

TEST_CASE(
    "the acceptance of a durable job waits for the commit, its dispatch and its unnamed outcome do not") {
  ReadyHouse house;
  const auto client = house.connect();
  house.hold_commits();
  const JobId id = house.submit(client);
  CHECK(house.count<message::Accepted>(client) == 0);
  house.finish(house.workers()[0]);
  CHECK(house.ended(client, id));
  house.commit();
  CHECK(house.count<message::Accepted>(client) == 1);
}

TEST_CASE("the outcome of a remembered durable job waits for the commit") {
  ReadyHouse house;
  const auto client = house.connect();
  house.hold_commits();
  const JobId id = house.submit(client, "f", Options{}.remember("n", 1min));
  house.finish(house.workers()[0]);
  CHECK_FALSE(house.ended(client, id));
  house.commit();
  CHECK(house.ended(client, id));
}

TEST_CASE("a memory job is never written, and its acceptance is told together with others after a moment") {
  ReadyHouse house;
  const auto client = house.connect();
  const auto options = Options{}.durability(Durability::memory);
  for (int i = 0; i < 10; ++i) house.submit(client, "f", options);
  CHECK(house.count<message::Accepted>(client) == 0);
  house.wait(2ms);
  REQUIRE(house.count<message::Accepted>(client) == 1);
  CHECK(house.last<message::Accepted>(client).numbers.size() == 10);
  house.finish(house.workers()[0]);
  CHECK(house.changes.empty());
}

TEST_CASE("an outcome tells the acceptance of a memory job: it is not told again") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client, "f", Options{}.durability(Durability::memory));
  house.finish(house.workers()[0]);
  house.wait(2ms);
  CHECK(house.count<message::Accepted>(client) == 0);
}

TEST_CASE("S2 a submission that is repeated is the same job") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  house.ask(client, message::Submit{id, "f", {}});
  house.ask(client, message::Submit{id, "f", {}});
  CHECK(house.written<change::InsertJob>().size() == 1);
  const WorkerId worker = house.workers()[0];
  house.finish(worker);
  CHECK(house.hand(worker).channel.empty());
  CHECK(house.ended(client, id)->state == State::succeeded);
}

TEST_CASE("S2 a job id of another owner is refused and tells nothing of that job") {
  ReadyHouse house;
  const auto alice = house.connect(1001);
  const auto bob = house.connect(1002);
  const JobId id = house.submit(alice);
  house.ask(bob, message::Submit{id, "f", {}});
  CHECK(house.last<message::Refused>(bob).code == "bad_request");
  CHECK(house.last<message::Refused>(bob).message == "job id " + id.text() + " is taken; make a new UUIDv7");
}

TEST_CASE("Q7 a call to a function that no pool offers is refused with the nearest names") {
  check_refused(one_pool(), {}, "ff", "no_function", "no pool offers the function \"ff\"; did you mean f?");
}

TEST_CASE("Q7 without any pool the refusal says so") {
  Settings settings;
  settings.access.everyone = true;
  House house(settings);
  const auto client = house.connect();
  house.submit(client, "f");
  CHECK(house.last<message::Refused>(client).message ==
        "no pool offers the function \"f\" (no pool is configured)");
}

TEST_CASE("Q7 a call waits while a pool that may offer its function is still starting") {
  House house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f");
  const JobId other = house.submit(client, "unheard.of");
  CHECK(house.count<message::Refused>(client) == 0);
  house.ready(house.workers()[0]);
  CHECK(house.last<message::Refused>(client).code == "no_function");
  CHECK_FALSE(house.ended(client, other));
  CHECK(house.finish(house.workers()[0]) == id);
}

TEST_CASE("what is said of a call that waits for its pool waits behind it") {
  House house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f");
  house.ask(client, message::Remember{id, "n", std::chrono::minutes(1), Duplicate::raise, {}});
  house.ask(client, message::Watch{.key = {id, {}}});
  house.ask(client, message::Adjust{id, std::chrono::milliseconds(5000), {}});
  CHECK(house.count<message::Refused>(client) == 0);
  house.ready(house.workers()[0]);
  CHECK(house.count<message::Refused>(client) == 0);
  CHECK(house.show(client, id).name == "n");
  CHECK(house.show(client, id).timeout == std::chrono::milliseconds(5000));
}

TEST_CASE("impossible options are refused by name and value") {
  const std::string long_name(256, 'x');
  check_refused(one_pool(), Options{}.priority(101), "f", "bad_request",
                "a priority is from -100 to 100, given 101");
  check_refused(one_pool(), Options{}.queue(""), "f", "bad_request",
                "a queue's name has 1 to 255 bytes, given 0");
  check_refused(one_pool(), {}, long_name, "bad_request", "a function's name has 1 to 255 bytes, given 256");
  check_refused(one_pool(), Options{}.remember(std::string(513, 'n')), "f", "limit",
                "a name has 1 to max_name (512) bytes, given 513");
  check_refused(one_pool(), Options{}.remember("n", std::chrono::hours(24 * 31)), "f", "limit",
                "a lifespan is at most max_lifespan (2592000000 ms), given 2678400000 ms");
}

TEST_CASE("E2 every limit refuses with its name, and lets in again when there is room") {
  auto settings = one_pool();
  settings.limits.max_jobs = 2;
  ReadyHouse house(settings);
  const auto client = house.connect();
  house.submit(client);
  house.submit(client);
  house.submit(client);
  CHECK(house.last<message::Refused>(client).message.starts_with("max_jobs (2) is reached"));
  house.finish(house.workers()[0]);
  house.ask(client, std::monostate{}, {}, 1);  // its outcome has arrived
  const auto before = house.count<message::Refused>(client);
  house.submit(client);
  CHECK(house.count<message::Refused>(client) == before);
}

TEST_CASE("E2 one owner's limit does not touch another's") {
  auto settings = one_pool();
  settings.limits.max_jobs_per_owner = 1;
  ReadyHouse house(settings);
  const auto alice = house.connect(1001);
  const auto bob = house.connect(1002);
  house.submit(alice);
  house.submit(alice);
  CHECK(house.last<message::Refused>(alice).message.starts_with("max_jobs_per_owner (1) is reached"));
  house.submit(bob);
  CHECK(house.count<message::Refused>(bob) == 0);
}

TEST_CASE("E2 bytes and queues are limited") {
  auto settings = one_pool();
  settings.limits.max_bytes = 10;
  settings.limits.max_queues = 1;
  ReadyHouse house(settings);
  const auto client = house.connect();
  house.submit(client, "f", {}, std::string(11, 'x'));
  CHECK(house.last<message::Refused>(client).message.starts_with("max_bytes (10) is reached"));
  house.submit(client, "f", {}, "x");
  house.submit(client, "f", Options{}.queue("other"), "x");
  CHECK(house.last<message::Refused>(client).message.starts_with("max_queues (1) is reached"));
  house.finish(house.workers()[0]);
  house.ask(client, std::monostate{}, {}, 1);
  const auto before = house.count<message::Refused>(client);
  house.submit(client, "f", Options{}.queue("other"), "x");
  CHECK(house.count<message::Refused>(client) == before);
}

TEST_CASE("queues and functions that no job has any more are forgotten") {
  ReadyHouse house;
  const auto client = house.connect(0);
  const std::size_t many = 300;
  for (std::size_t i = 0; i < many; ++i) {
    house.submit(client, "f", Options{}.queue("queue-" + std::to_string(i)));
    house.finish(house.workers()[0]);
    house.ask(client, std::monostate{}, {}, i + 1);
  }
  CHECK(house.status(client).queues.empty());
  CHECK(house.scheduler.known_queues() < many / 2);
  // A queue that was forgotten is made again.
  const JobId id = house.submit(client, "f", Options{}.queue("queue-0"));
  CHECK(house.finish(house.workers()[0]) == id);
  CHECK(house.status(client).queues.size() == 1);
}

TEST_CASE("E2 what waits for a starting pool counts, and is refused over the limits") {
  auto settings = one_pool();
  settings.limits.max_jobs_per_owner = 2;
  settings.limits.max_bytes_per_owner = 10;
  House house(settings);
  const auto client = house.connect();
  house.submit(client, "f", {}, std::string(11, 'x'));
  CHECK(house.last<message::Refused>(client).message.starts_with("max_bytes_per_owner (10) is reached"));
  const JobId first = house.submit(client, "f", {}, std::string(6, 'x'));
  house.submit(client, "f", {}, std::string(5, 'x'));
  CHECK(house.count<message::Refused>(client) == 2);
  // What is said of it waits behind it, and counts too.
  house.ask(client, message::Cancel{.key = {first, {}}});
  house.ask(client, message::Cancel{.key = {first, {}}});
  CHECK(house.last<message::Refused>(client).message.starts_with("max_jobs_per_owner (2) is reached"));
  CHECK(house.count<message::Known>(client) == 0);
  house.ready(house.workers()[0]);
  CHECK(house.count<message::Known>(client) == 1);
  house.ask(client, std::monostate{}, {}, 1);
  house.submit(client, "f", {}, std::string(10, 'x'));
  CHECK(house.count<message::Refused>(client) == 3);
}
