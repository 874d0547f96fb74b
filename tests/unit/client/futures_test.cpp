// SPDX-License-Identifier: Apache-2.0
// SEMANTICS R5: the map of the remembered futures; R7: take.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

JobId numbered(std::uint8_t n) {
  std::array<std::uint8_t, JobId::kSize> bytes{};
  bytes.fill(1);
  bytes.back() = n;
  return JobId(bytes);
}

JobView view_of(std::uint8_t n) {
  JobView view;
  view.id = numbered(n);
  view.name = "n" + std::to_string(n);
  view.state = n % 2 == 0 ? State::succeeded : State::failed;
  view.remembered = true;
  return view;
}

/// A daemon that remembers n5 to n1.
void remember_five(FakeDaemon& daemon, const FakeDaemon::Message& m) {
  if (const auto* list = std::get_if<message::List>(&m.request.body)) {
    if (list->count) {
      daemon.answer(m, message::Count{5});
      return;
    }
    message::Jobs page;
    for (std::uint8_t n = 5; n >= 1; --n) {
      if (!list->after.empty() && !(numbered(n) < list->after)) continue;
      if (page.jobs.size() == list->most) page.more = true;
      if (page.jobs.size() < list->most) page.jobs.push_back(view_of(n));
    }
    daemon.answer(m, page);
  } else if (const auto* show = std::get_if<message::Show>(&m.request.body)) {
    if (show->key.name == "n2") {
      daemon.answer(m, message::Jobs{{view_of(2)}, false});
    } else {
      daemon.answer(m, message::Refused{"no_such_future", "it has lapsed", {}, State::lapsed});
    }
  } else {
    FakeDaemon::serve(daemon, m);
  }
}

struct Five : Fixture {
  Five() { daemon.become(remember_five); }
  Client client{options()};
};

TEST_CASE_FIXTURE(Five, "R5 iterating over the futures asks page by page, and meets each once") {
  const Futures all = client.futures({.page = 2});
  std::vector<std::string> names;
  for (const Remembered& one : all) names.push_back(one.name());
  CHECK(names == std::vector<std::string>{"n5", "n4", "n3", "n2", "n1"});
  CHECK(daemon.received<message::List>().size() == 3);
  CHECK(std::ranges::distance(all.begin(), all.end()) == 5);
}

TEST_CASE_FIXTURE(Five, "R5 the filter goes to the daemon, which tells the size without a list") {
  const Futures some = client.futures({.prefix = "n", .states = {State::failed, State::running}});
  CHECK(some.size() == 5);
  CHECK_FALSE(some.empty());
  const auto list = std::get<message::List>(daemon.wait_for<message::List>().request.body);
  CHECK(list.name_prefix == "n");
  CHECK(list.states ==
        (1U << static_cast<unsigned>(State::failed) | 1U << static_cast<unsigned>(State::running)));
  CHECK(list.remembered);
  CHECK(list.mine);
  CHECK(list.count);
}

TEST_CASE_FIXTURE(Five, "R5 find, at and contains ask for one name") {
  const Futures all = client.futures();
  REQUIRE(all.find("n2"));
  CHECK(all.find("n2")->view() == view_of(2));
  CHECK(all.at("n2").future<int>().id() == numbered(2));
  CHECK(all.contains("n2"));
  CHECK_FALSE(all.contains("gone"));
  try {
    static_cast<void>(all.at("gone"));
    FAIL("it is not there");
  } catch (const NoSuchFuture& e) {
    CHECK(e.state() == State::lapsed);
  }
  CHECK_THROWS_AS(static_cast<void>(all.at("")), Error);
}

TEST_CASE_FIXTURE(Five, "R5 what the filter does not have is not found") {
  CHECK_FALSE(client.futures({.prefix = "m"}).contains("n2"));
  CHECK_FALSE(client.futures({.states = {State::failed}}).contains("n2"));
  CHECK(client.futures({.prefix = "n", .states = {State::succeeded}}).contains("n2"));
  CHECK(message_of<NoSuchFuture>([&] { return client.futures({.prefix = "m"}).at("n2"); }) ==
        "the future \"n2\" (succeeded) is not one of those that were asked for");
}

/// Takes are granted with the value, or refused.
FakeDaemon::Script taking(bool granted) {
  return [granted](FakeDaemon& d, const FakeDaemon::Message& m) {
    const auto* watch = std::get_if<message::Watch>(&m.request.body);
    if (watch == nullptr || !watch->take) return FakeDaemon::serve(d, m);
    if (granted) {
      d.answer(m, succeeded(watch->key.id), encoded(to_value(7)));
    } else {
      d.answer(m, message::Refused{"no_such_future", "it has been taken", {}, State::forgotten});
    }
  };
}

TEST_CASE_FIXTURE(Fixture, "R7 take waits for the end, then takes the outcome from its name") {
  daemon.become(taking(true));
  Client client(options());
  const auto future = client.submit<int>(Options{}.remember("n"), "echo", 7);
  CHECK(future.take(kPatience) == 7);
  const auto watch = std::get<message::Watch>(daemon.wait_for<message::Watch>().request.body);
  CHECK(watch.take);
  CHECK(watch.key.id == future.id());
  CHECK(future.result() == 7);
}

TEST_CASE_FIXTURE(Fixture, "R7 who takes too late gets NoSuchFuture, though the value is here") {
  daemon.become(taking(false));
  Client client(options());
  const auto future = client.submit<int>(Options{}.remember("n"), "echo", 7);
  CHECK(message_of<NoSuchFuture>([&] { return future.take(kPatience); }) == "it has been taken");
}

TEST_CASE_FIXTURE(Fixture, "R7 a take whose time is over has taken nothing") {
  daemon.become(taking(true));
  Client client(options());
  const auto future = client.submit<int>(Options{}.remember("n"), "hold");
  CHECK_THROWS_AS(static_cast<void>(future.take(10ms)), TimeoutError);
  CHECK(daemon.received<message::Watch>().empty());
}

TEST_CASE_FIXTURE(Fixture, "R7 a failure is taken, and rethrown") {
  daemon.become(taking(true));
  Client client(options());
  const auto future = client.submit<int>(Options{}.remember("n"), "fail");
  CHECK_THROWS_AS(static_cast<void>(future.take(kPatience)), JobFailed);
  CHECK(daemon.received<message::Watch>().size() == 1);
}

}  // namespace
}  // namespace promised
