// SPDX-License-Identifier: Apache-2.0
// C9: how much waits for who reads slowly, who is told how much it has missed, and how many may subscribe.
#include <doctest/doctest.h>

#include <string>

#include "tests/unit/decide/told_events.hpp"

using namespace promised;
using namespace promised::test;

namespace {

Settings small_buffer(std::uint64_t most) {
  Settings settings = one_pool();
  settings.limits.max_events = most;
  return settings;
}

}  // namespace

TEST_CASE(
    "C9 a client that does not read is sent so many, the rest waits, and what is too much is counted in its "
    "place") {
  ReadyHouse house(small_buffer(3));
  const SessionId client = house.connect(kUser);
  const SessionId watcher = house.connect(kUser);
  const std::uint64_t number = house.ask(watcher, message::Subscribe{.kinds = only({EventKind::accepted})});
  for (std::uint64_t i = 0; i < kEventWindow; ++i) house.submit(client, "f", kMemory);
  CHECK(events(house, watcher).size() == kEventWindow);
  for (int i = 0; i < 5; ++i) house.submit(client, "g", kMemory);
  CHECK(events(house, watcher).size() == kEventWindow);
  CHECK(house.status(watcher).limits[1].used > 0);
  house.sent(watcher).clear();

  house.ask(watcher, message::Advance{number, 0, false, 0, 2});
  CHECK(told(house, watcher, number) == "accepted:g accepted:g ");
  CHECK(house.last<message::Events>(watcher).first == kEventWindow);
  house.submit(client, "f", kMemory);  // there is room for it again, behind the two that are lost
  house.ask(watcher, message::Advance{number, 0, false, 0, kEventWindow});
  CHECK(told(house, watcher, number) == "accepted:g accepted:g accepted:g lost 2 accepted:f ");
  house.ask(watcher, message::Advance{number, 0, false, 0, kEventWindow + 4});
  house.sent(watcher).clear();
  house.submit(client, "g", kMemory);
  CHECK(told(house, watcher, number) == "accepted:g ");
}

TEST_CASE("C9 how many are lost is told as soon as there is room, also when nothing comes after them") {
  ReadyHouse house(small_buffer(1));
  const SessionId client = house.connect(kUser);
  const std::uint64_t number = house.ask(client, message::Subscribe{.kinds = only({EventKind::accepted})});
  for (std::uint64_t i = 0; i < kEventWindow + 3; ++i) house.submit(client, "f", kMemory);
  house.sent(client).clear();
  house.ask(client, message::Advance{number, 0, false, 0, kEventWindow});
  CHECK(told(house, client, number) == "accepted:f lost 2 ");
}

TEST_CASE("C9 what waits for a slow reader counts as its bytes, and is lost where it may have no more") {
  Settings settings = one_pool();
  settings.limits.max_bytes_per_owner = 4096;
  ReadyHouse house(settings);
  const SessionId watcher = house.connect(kOther);
  const SessionId admin = house.connect(kAdmin);
  const SessionId client = house.connect(kUser);
  const std::uint64_t number = house.ask(admin, message::Subscribe{.kinds = only({EventKind::accepted})});
  house.settings.limits.max_bytes_per_owner = 4096;
  for (std::uint64_t i = 0; i < kEventWindow; ++i)
    house.submit(i % 2 == 0 ? client : watcher, "f", kMemory, "");
  for (int i = 0; i < 100; ++i) house.submit(client, "f", kMemory, "");
  house.sent(admin).clear();
  house.ask(admin, message::Advance{number, 0, false, 0, kEventWindow});
  const std::string all = told(house, admin, number);
  CHECK(all.find("lost ") != std::string::npos);
  CHECK(all.starts_with("accepted:f "));
}

TEST_CASE("C9 a subscription ends when that is said, with its session, and counts no more") {
  ReadyHouse house;
  const SessionId client = house.connect(kUser);
  const SessionId watcher = house.connect(kOther);
  const std::uint64_t number = house.ask(client, message::Subscribe{});
  house.ask(watcher, message::Subscribe{});
  const auto used = [&] { return house.status(house.connect(kAdmin)).limits[5]; };
  CHECK(used().name == "max_subscriptions");
  CHECK(used().used == 2);
  house.ask(client, message::Unsubscribe{number});
  house.ask(client, message::Unsubscribe{number});  // again: nobody answers
  house.submit(client, "f", kMemory);
  CHECK(told(house, client, number) == "last ");
  CHECK(used().used == 1);
  house.disconnect(watcher);
  CHECK(used().used == 0);
}

TEST_CASE("C9 E2 subscriptions are limited, by number and by request number") {
  Settings settings = one_pool();
  settings.limits.max_subscriptions_per_owner = 1;
  ReadyHouse house(settings);
  const SessionId client = house.connect(kUser);
  const std::uint64_t number = house.ask(client, message::Subscribe{});
  house.ask(client, message::Subscribe{});
  CHECK(house.last<message::Refused>(client).code == "limit");
  CHECK(house.last<message::Refused>(client).message ==
        "max_subscriptions_per_owner (1) is reached: so many of your subscriptions to events are open; close "
        "some, or raise it in section [limits]");
  house.handle(event::Requested{client, {kUser, kUser, 4711}, {number, 0, message::Subscribe{}}, {}});
  CHECK(house.last<message::Refused>(client).message == "this request number is a subscription already");
}

TEST_CASE("C9 who keeps up misses nothing, whatever its user has in memory") {
  ReadyHouse house;
  const SessionId client = house.connect(kUser);
  const SessionId watcher = house.connect(kOther);
  const SessionId admin = house.connect(kAdmin);
  const std::uint64_t number = house.ask(admin, message::Subscribe{.kinds = only({EventKind::accepted})});
  house.settings.limits.max_bytes_per_owner = 10;  // no event fits
  for (std::uint64_t i = 1; i <= 50; ++i) {
    house.submit(i % 2 == 0 ? client : watcher, "f", kMemory, "");
    CHECK(events(house, admin).size() == i);
    house.ask(admin, message::Advance{number, 0, false, 0, i});
  }
  CHECK(told(house, admin, number).find("lost") == std::string::npos);
}

TEST_CASE("C9 a reader that has stopped is told of no loss before it goes on, however much is lost") {
  ReadyHouse house;
  const SessionId client = house.connect(kUser);
  const SessionId admin = house.connect(kAdmin);
  const std::uint64_t number = house.ask(admin, message::Subscribe{.kinds = only({EventKind::accepted})});
  house.settings.limits.max_bytes_per_owner = 10;
  for (std::uint64_t i = 0; i < kEventWindow + 500; ++i) house.submit(client, "f", kMemory, "");
  CHECK(events(house, admin).size() == kEventWindow);
  CHECK(house.count<message::Events>(admin) <= kEventWindow + 1);
  CHECK(told(house, admin, number).find("lost") == std::string::npos);
  house.sent(admin).clear();
  house.ask(admin, message::Advance{number, 0, false, 0, kEventWindow});
  CHECK(told(house, admin, number) == "lost 500 ");
}
