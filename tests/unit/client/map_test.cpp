// SPDX-License-Identifier: Apache-2.0
// SEMANTICS S4: map and shutdown; S10: arguments by name.
#include <doctest/doctest.h>

#include <algorithm>
#include <list>
#include <numeric>
#include <ranges>
#include <sstream>
#include <thread>

#include "common/wire/value_codec.hpp"
#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

std::vector<JobId> withdrawn(const FakeDaemon& daemon) {
  std::vector<JobId> all;
  for (const auto& m : daemon.received<message::Withdraw>()) {
    const auto& ids = std::get<message::Withdraw>(m.request.body).ids;
    all.insert(all.end(), ids.begin(), ids.end());
  }
  return all;
}

/// Answers a Withdraw, and all else as serve() does.
void serve_withdrawals(FakeDaemon& daemon, const FakeDaemon::Message& m) {
  if (const auto* withdraw = std::get_if<message::Withdraw>(&m.request.body)) {
    daemon.answer(m, message::Count{withdraw->ids.size()});
    return;
  }
  FakeDaemon::serve(daemon, m);
}

TEST_CASE_FIXTURE(Fixture, "S4 map gives the results in the order of the inputs") {
  // The answers come in the reverse order, two at a time. Shared: the daemon's thread goes on with it until
  // the fixture ends.
  const auto held = std::make_shared<std::optional<FakeDaemon::Message>>();
  daemon.become([held](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::Submit>(m.request.body)) return FakeDaemon::serve(d, m);
    if (!*held) {
      *held = m;
      return;
    }
    FakeDaemon::serve(d, m);
    FakeDaemon::serve(d, *std::exchange(*held, std::nullopt));
  });
  Client client(options());
  const std::list<int> inputs{5, 4, 3, 2, 1, 0};
  std::vector<int> results;
  for (const int result : client.map<int>("echo", inputs)) results.push_back(result);
  CHECK(results == std::vector<int>{5, 4, 3, 2, 1, 0});
}

TEST_CASE_FIXTURE(Fixture, "S4 map goes over several ranges in step, as far as the shortest") {
  Client client(options());
  const std::vector<std::string> texts{"a", "b", "c"};
  std::size_t count = 0;
  for (const auto& text : client.map<std::string>("echo", texts, std::vector<int>{1, 2})) {
    CHECK(text == texts[count++]);
  }
  CHECK(count == 2);
  const auto calls = daemon.received<message::Submit>();
  REQUIRE(calls.size() == 2);
  CHECK(wire::decode_arguments(calls[1].payload)->positional == std::vector<Value>{Value("b"), to_value(2)});
}

TEST_CASE_FIXTURE(Fixture, "S4 map goes over what can be read once, and over nothing") {
  Client client(options());
  std::istringstream numbers("1 2 3");
  int sum = 0;
  for (const int n : client.map<int>("echo", std::ranges::istream_view<int>(numbers))) sum += n;
  CHECK(sum == 6);
  for (const int n : client.map<int>("echo", std::vector<int>())) FAIL(n);
  std::size_t nothings = 0;
  for ([[maybe_unused]] const std::monostate nothing : client.map<void>("f", std::vector<int>{1, 2}))
    ++nothings;
  CHECK(nothings == 2);
}

TEST_CASE_FIXTURE(
    Fixture, "S4 map submits at once, pulls inputs as results are taken, and no more than a chunk ahead") {
  Client client(options());
  int pulled = 0;
  auto inputs = std::views::iota(0, 1000) | std::views::transform([&pulled](int i) {
                  ++pulled;
                  return i;
                });
  MapOptions few;
  few.chunk = 8;
  auto results = client.map<int>(few, "echo", inputs);
  static_cast<void>(daemon.wait_for<message::Submit>(8));
  CHECK(pulled == 8);
  int taken = 0;
  for (const int result : results) {
    CHECK(result == taken);
    ++taken;
    CHECK(pulled <= taken + 8);
    if (taken == 100) break;
  }
  CHECK(pulled <= 108);
}

TEST_CASE_FIXTURE(Fixture,
                  "S4 what a call of a map throws comes in its turn, and what has not begun is cancelled") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    const auto* submit = std::get_if<message::Submit>(&m.request.body);
    if (submit == nullptr) return serve_withdrawals(d, m);
    const int n = from_value<int>(wire::decode_arguments(m.payload)->positional.at(0));
    d.answer(m, message::Accepted{{m.request.number}});
    if (n == 1) {
      Failure failure;
      failure.cause = Cause::exception;
      d.answer(m, message::Ended{submit->id, State::failed, failure, {}});
    } else if (n < 1) {
      d.answer(m, succeeded(submit->id), encoded(to_value(n)));
    }
  });
  Client client(options());
  std::vector<int> seen;
  CHECK_THROWS_AS(
      [&] {
        for (const int n : client.map<int>("f", std::vector<int>{0, 1, 2, 3})) seen.push_back(n);
      }(),
      JobFailed);
  CHECK(seen == std::vector<int>{0});
  static_cast<void>(daemon.wait_for<message::Withdraw>());
  const auto calls = daemon.received<message::Submit>();
  CHECK(withdrawn(daemon) == std::vector<JobId>{std::get<message::Submit>(calls[2].request.body).id,
                                                std::get<message::Submit>(calls[3].request.body).id});
}

TEST_CASE_FIXTURE(Fixture, "S4 a map that is dropped cancels what has not begun, and submits nothing more") {
  daemon.become(serve_withdrawals);
  Client client(options());
  {
    auto results = client.map<int>("hold", std::views::iota(0, 10'000));
    static_cast<void>(daemon.wait_for<message::Submit>(kMapChunk));
  }
  static_cast<void>(daemon.wait_for<message::Withdraw>(3));
  CHECK(withdrawn(daemon).size() == kMapChunk);
  CHECK(daemon.received<message::Submit>().size() == kMapChunk);
  CHECK(log.lines().empty());
}

TEST_CASE_FIXTURE(Fixture, "S4 S7 a withdrawal whose answer was lost with the daemon is sent again") {
  Client client(options());
  { auto results = client.map<int>("hold", std::vector<int>{1}); }
  static_cast<void>(daemon.wait_for<message::Withdraw>());
  daemon.stop();
  daemon.forget_record();
  daemon.become(serve_withdrawals);
  daemon.start();
  static_cast<void>(daemon.wait_for<message::Withdraw>());
  client.reach(kPatience);
}

TEST_CASE_FIXTURE(Fixture, "S4 the timeout of a map counts from its call, and ends it") {
  daemon.become(serve_withdrawals);
  Client client(options());
  MapOptions hasty;
  hasty.timeout = 30ms;
  CHECK(message_of<TimeoutError>([&] {
          for (const int n : client.map<int>(hasty, "hold", std::vector<int>{1, 2})) FAIL(n);
          return 0;
        }) ==
        "the map of hold has not come to its end within 30 ms: 2 of its calls are under way; those that have "
        "not begun are cancelled");
  static_cast<void>(daemon.wait_for<message::Withdraw>());
  CHECK(withdrawn(daemon).size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "S4 a map that is dropped after its client was closed has nothing to take back") {
  Client client(options());
  auto results = std::make_unique<Mapped<int>>(client.map<int>("hold", std::vector<int>{1}));
  static_cast<void>(daemon.wait_for<message::Submit>());
  static_cast<void>(client.close());
  results.reset();
  CHECK(log.lines().empty());  // they have ended here: there is nothing to take back
}

TEST_CASE_FIXTURE(Fixture,
                  "S4 shutdown waits for the end of all that was submitted, then nothing can be submitted") {
  Client client(options());
  const auto kept = client.submit<int>("hold");
  const JobId dropped = client.submit("hold").id();
  static_cast<void>(daemon.wait_for<message::Submit>(2));
  std::atomic<bool> down{false};
  std::jthread other([&] {
    client.shutdown();
    down = true;
  });
  CHECK(eventually([&] {
    return message_of<Error>([&] { return client.submit("f"); }) ==
           "this client is shut down and submits nothing more: make a new one";
  }));
  daemon.answer(daemon.wait_for<message::Submit>(1), succeeded(kept.id()), encoded(to_value(7)));
  CHECK(kept.result(kPatience) == 7);
  CHECK_FALSE(down);
  daemon.answer(daemon.wait_for<message::Submit>(2), succeeded(dropped), encoded(to_value(8)));
  other.join();
  CHECK(kept.result() == 7);
  CHECK(message_of<Error>([&] { return client.status(); }) == "this client is closed: make a new one");
}

TEST_CASE_FIXTURE(Fixture,
                  "S4 shutdown may cancel what has not begun, and may leave at once: futures go on") {
  daemon.become(serve_withdrawals);
  Client client(options());
  const auto future = client.submit<int>("hold");
  client.shutdown(Shutdown::leave, NotBegun::cancel);
  CHECK(withdrawn(daemon) == std::vector<JobId>{future.id()});
  CHECK_THROWS_AS(static_cast<void>(client.submit("f")), Error);
  CHECK_THROWS_AS(static_cast<void>(client.map("f", std::vector<int>{1})), Error);
  daemon.answer(daemon.wait_for<message::Submit>(),
                message::Ended{future.id(), State::cancelled, {}, "withdrawn"});
  CHECK(future.wait(kPatience));
  CHECK(future.cancelled());
}

TEST_CASE_FIXTURE(Fixture, "S4 shutdown throws when its timeout is over, and goes on submitting nothing") {
  Client client(options());
  const auto future = client.submit<int>("hold");
  CHECK(message_of<TimeoutError>([&] {
          client.shutdown(Shutdown::wait, NotBegun::run, 20ms);
          return 0;
        }) == "shutting down: 1 of the futures have not ended within 20 ms; their jobs are left alone");
  CHECK_THROWS_AS(static_cast<void>(client.submit("f")), Error);
  daemon.answer(daemon.wait_for<message::Submit>(), succeeded(future.id()), encoded(to_value(7)));
  CHECK(future.result(kPatience) == 7);
  client.shutdown();
}

TEST_CASE_FIXTURE(Fixture, "S4 S6 shutdown that throws tells of jobs that are cancelled with the client") {
  Client client(options());
  const auto left = client.submit("hold");
  const auto tied = client.submit(Options().abandon(Abandon::cancel), "hold");
  CHECK(message_of<TimeoutError>([&] {
          client.shutdown(Shutdown::wait, NotBegun::run, 0ms);
          return 0;
        }) ==
        "shutting down: 2 of the futures have not ended within 0 ms; their jobs go on; 1 of 2 is "
        "cancelled if its client goes before it has ended (abandon)");
}

TEST_CASE_FIXTURE(Fixture,
                  "S4 S7 shutdown waits over a restart of the daemon, for futures that nobody holds too") {
  Client client(options());
  const JobId dropped = client.submit("hold").id();
  client.submit("hold").accepted(kPatience);
  std::jthread other([&] { client.shutdown(); });
  CHECK(eventually([&] {
    try {
      static_cast<void>(client.submit("echo", 1));
      return false;
    } catch (const Error&) {
      return true;
    }
  }));
  daemon.stop();
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    const auto* watch = std::get_if<message::Watch>(&m.request.body);
    if (watch == nullptr) return FakeDaemon::serve(d, m);
    d.answer(m, succeeded(watch->key.id), encoded(to_value(1)));
  });
  daemon.start();
  other.join();
  bool watched = false;
  for (const auto& m : daemon.received<message::Watch>())
    watched = watched || std::get<message::Watch>(m.request.body).key.id == dropped;
  CHECK(watched);
}

TEST_CASE_FIXTURE(Fixture,
                  "S4 S7 shutdown does not wait for what nobody held when the daemon came back before it") {
  Client client(options());
  client.submit("hold").accepted(kPatience);
  daemon.stop();
  daemon.forget_record();
  daemon.start();
  static_cast<void>(daemon.wait_for<message::Hello>());
  client.shutdown(Shutdown::wait, NotBegun::run, kPatience);
  CHECK(daemon.received<message::Watch>().empty());
}

TEST_CASE_FIXTURE(Fixture, "S4 S7 shutdown throws DisconnectedError when the daemon is gone for too long") {
  ClientOptions hasty = options();
  hasty.connect_timeout = 30ms;
  Client client(hasty);
  await_greeting(client);
  client.submit("hold").accepted(kPatience);
  daemon.stop();
  CHECK_THROWS_AS(client.shutdown(), DisconnectedError);
}

TEST_CASE_FIXTURE(Fixture, "S10 arguments by name travel beside those by position, wherever they stand") {
  Client client(options());
  static_cast<void>(
      client.submit("f", 1, named("year", 2026), "two", named("tags", std::vector<std::string>{"a"})));
  const auto arguments = wire::decode_arguments(daemon.wait_for<message::Submit>().payload);
  CHECK(arguments->positional == std::vector<Value>{to_value(1), Value("two")});
  REQUIRE(arguments->named.size() == 2);
  CHECK(arguments->named[0].first == "year");
  CHECK(arguments->named[0].second == to_value(2026));
  CHECK(arguments->named[1].first == "tags");
}

TEST_CASE_FIXTURE(
    Fixture,
    "S6 a tied call travels with the client's connect_timeout as its grace, or the one that was said") {
  Client client(options());
  static_cast<void>(client.submit(Options{}.abandon(Abandon::cancel), "f"));
  CHECK(submitted(1).options == Options{}.abandon(Abandon::cancel, kPatience));
  static_cast<void>(client.submit(Options{}.abandon(Abandon::cancel, 7ms), "f"));
  CHECK(submitted(2).options == Options{}.abandon(Abandon::cancel, 7ms));
}

TEST_CASE_FIXTURE(Fixture,
                  "S1 submit and result cost one message each way, and an acknowledgement for many") {
  Client client(options());
  client.reach(kPatience);
  daemon.forget_record();
  constexpr std::size_t kCalls = 200;
  for (std::size_t i = 0; i < kCalls; ++i) CHECK(client.submit<int>("echo", 1).result(kPatience) == 1);
  CHECK(daemon.received<message::Submit>().size() == kCalls);
  CHECK(daemon.received<message::Watch>().empty());
  CHECK(daemon.received<message::Cancel>().empty());
  CHECK(daemon.received<message::StatusQuery>().empty());
}

}  // namespace
}  // namespace promised
