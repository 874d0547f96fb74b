// SPDX-License-Identifier: Apache-2.0
// Events as the client library has them, with a daemon that does what the test says (SEMANTICS C9).
#include <doctest/doctest.h>

#include <future>
#include <utility>

#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

JobEvent event(EventKind kind, const std::string& function = "f") {
  JobEvent e;
  e.kind = kind;
  e.id = JobId(std::array<std::uint8_t, 16>{1});
  e.function = function;
  return e;
}

message::Events batch(std::uint64_t first, std::size_t count, std::uint64_t lost = 0) {
  message::Events events;
  for (std::size_t i = 0; i < count; ++i)
    events.events.push_back(event(EventKind::started, std::to_string(first + i)));
  events.first = first;
  events.lost = lost;
  return events;
}

/// The function of the next event; "lost N" for a gap.
std::string next(Events& events) {
  const JobEvent e = *events.next(kPatience);
  return e.kind == EventKind::lost ? "lost " + std::to_string(e.lost) : e.function;
}

struct Watching : Fixture {
  Watching() {
    daemon.become([](FakeDaemon& fake, const FakeDaemon::Message& m) {
      if (std::holds_alternative<message::Subscribe>(m.request.body)) {
        fake.answer(m, message::Events{});
      } else if (const auto* over = std::get_if<message::Unsubscribe>(&m.request.body)) {
        message::Reply reply;
        reply.number = over->subscription;
        reply.body = message::Events{.last = true};
        fake.send(m.from, std::move(reply));
      } else {
        FakeDaemon::serve(fake, m);
      }
    });
  }
  [[nodiscard]] FakeDaemon::Message subscription(std::size_t nth = 1) const {
    return daemon.wait_for<message::Subscribe>(nth);
  }
  Client client{options()};
};

TEST_CASE_FIXTURE(Watching, "C9 a filter goes to the daemon as it is, and events come in order") {
  Events events = client.events({.kinds = {EventKind::failed, EventKind::expired},
                                 .function = "report.*",
                                 .queue = "q",
                                 .name_prefix = "n",
                                 .owner = 7});
  const auto asked = std::get<message::Subscribe>(subscription().request.body);
  CHECK(asked.kinds == 0x280);
  CHECK(asked.function == "report.*");
  CHECK(asked.queue == "q");
  CHECK(asked.name_prefix == "n");
  CHECK(asked.owner == 7);
  daemon.answer(subscription(), batch(0, 2));
  daemon.answer(subscription(), batch(2, 1));
  for (const char* expected : {"0", "1", "2"}) CHECK(next(events) == expected);
}

TEST_CASE_FIXTURE(Watching,
                  "C9 the daemon is told how many were used, and what was lost is told in its place") {
  Events events = client.events();
  daemon.answer(subscription(), batch(0, 300));
  daemon.answer(subscription(), batch(300, 1, 5));
  for (int i = 0; i < 256; ++i) CHECK(next(events) == std::to_string(i));
  const auto told = [&](std::size_t nth) {
    return std::get<message::Advance>(daemon.wait_for<message::Advance>(nth).request.body);
  };
  CHECK(told(1).follow == subscription().request.number);
  CHECK(told(1).events_from == 256);
  for (int i = 256; i < 300; ++i) CHECK(next(events) == std::to_string(i));
  CHECK(next(events) == "lost 5");
  CHECK(next(events) == "300");
  CHECK(told(2).events_from == 301);
  daemon.answer(subscription(), batch(303, 1));  // two have not arrived
  CHECK(next(events) == "lost 2");
  CHECK(next(events) == "303");
  CHECK(told(3).events_from == 304);
}

TEST_CASE_FIXTURE(Watching,
                  "C9 S7 after a reconnect it subscribes again, and the reader is told of the gap once") {
  Events events = client.events();
  daemon.answer(subscription(), batch(0, 2));
  CHECK(next(events) == "0");
  daemon.stop();
  daemon.forget_record();
  daemon.start();
  daemon.answer(subscription(), batch(0, 1));
  CHECK(next(events) == "1");
  CHECK(next(events) == "lost 0");
  CHECK(next(events) == "0");
  CHECK(std::get<message::Advance>(daemon.wait_for<message::Advance>().request.body).events_from == 1);
}

TEST_CASE_FIXTURE(Watching, "C9 who stops watching says so, and is told no more") {
  {
    Events events = client.events();
    Events moved = std::move(events);
    daemon.answer(subscription(), batch(0, 1));
    CHECK(next(moved) == "0");
  }
  const auto over = std::get<message::Unsubscribe>(daemon.wait_for<message::Unsubscribe>().request.body);
  CHECK(over.subscription == subscription().request.number);
  CHECK(daemon.received<message::Unsubscribe>().size() == 1);
}

TEST_CASE_FIXTURE(Watching, "C9 a wait for an event ends with its timeout, and can be repeated") {
  Events events = client.events({}, std::chrono::milliseconds(1));
  CHECK(message_of<TimeoutError>([&] { return events.next(); }) ==
        "watching events: nothing has happened within 1 ms");
  daemon.answer(subscription(), batch(0, 1));
  CHECK(next(events) == "0");
}

TEST_CASE_FIXTURE(Watching, "C9 what the daemon refuses is thrown") {
  daemon.become([](FakeDaemon& fake, const FakeDaemon::Message& m) {
    if (std::holds_alternative<message::Subscribe>(m.request.body)) {
      fake.answer(m, message::Refused{"limit", "max_subscriptions (1) is reached", {}, State::unknown});
    } else {
      FakeDaemon::serve(fake, m);
    }
  });
  CHECK(message_of<RefusedError>([&] { return client.events(); }) == "max_subscriptions (1) is reached");
}

TEST_CASE_FIXTURE(Watching, "C9 an answer that does not fit is an error, and so is a closed client") {
  Events events = client.events();
  daemon.answer(subscription(), message::Known{});
  CHECK(message_of<Error>([&] { return events.next(kPatience); }) ==
        "the daemon gave an answer that does not fit the question; is it of another version?");
  Events open = client.events();
  static_cast<void>(client.close());
  CHECK(contains(message_of<DisconnectedError>([&] { return open.next(kPatience); }),
                 "watching events: the client was closed"));
}

}  // namespace
}  // namespace promised
