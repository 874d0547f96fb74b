// SPDX-License-Identifier: Apache-2.0
// What a daemon says before it goes, because its store has failed, reaches who gives up on it (SEMANTICS S7).
#include <doctest/doctest.h>

#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

const std::string kReason = "the daemon's store failed, and it accepts nothing more: disk I/O error";

message::Refused store_failed() {
  return {"store_failed", kReason, {}, State::unknown};
}

struct Failing : Fixture {
  ClientOptions impatient() {
    ClientOptions o = options();
    o.connect_timeout = 100ms;
    return o;
  }
  /// As the daemon does: to everybody, as the answer to nothing.
  void tell(const FakeDaemon::Message& hello) {
    daemon.send(hello.from, message::Reply{0, 0, store_failed()});
  }
};

TEST_CASE_FIXTURE(Failing, "S7 who gives up on a daemon whose store failed is told the daemon's reason") {
  Client client(impatient());
  await_greeting(client);
  const auto future = client.submit("hold");
  future.accepted(kPatience);
  tell(daemon.wait_for<message::Hello>());
  static_cast<void>(client.cancel("x"));  // what was told before its answer has arrived
  daemon.stop();
  const std::string text = message_of<DisconnectedError>([&] { return future.result(); });
  CHECK(text.starts_with("the daemon at " + endpoint + " has been gone for more than 100 ms: "));
  CHECK(contains(text, ". Before it went it said: " + kReason + ". The client goes on trying; "));
  CHECK(log.lines().empty());
}

TEST_CASE_FIXTURE(Failing, "S7 what a daemon did not take because its store failed is for the one after it") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::Submit>(m.request.body)) return FakeDaemon::serve(d, m);
    d.answer(m, store_failed());
  });
  Client client(options());
  const auto future = client.submit<int>("echo", 5);
  CHECK(client.cancel("x"));  // answered after it
  CHECK_FALSE(future.done());
  CHECK(message_of<TimeoutError>([&] {
          future.accepted(1ms);
          return 0;
        }) == "echo (job " + future.id().text() + ") has not been accepted within 1 ms: " + kReason);
  daemon.stop();
  daemon.become(FakeDaemon::serve);
  daemon.start();
  CHECK(future.result(kPatience) == 5);
}

TEST_CASE_FIXTURE(Failing, "S1 close tells of what was not accepted that the daemon's store failed") {
  Client client(options());
  const auto future = client.submit("silent");
  tell(daemon.wait_for<message::Hello>());
  static_cast<void>(client.cancel("x"));
  const std::vector<Unaccepted> left = client.close(0ms);
  REQUIRE(left.size() == 1);
  CHECK(left[0].reason == kReason);
}

TEST_CASE_FIXTURE(Failing, "S7 the reason of a daemon that went is not told of the one after it") {
  Client client(impatient());
  await_greeting(client);
  tell(daemon.wait_for<message::Hello>());
  static_cast<void>(client.cancel("x"));
  daemon.stop();
  daemon.forget_record();
  daemon.start();
  await_greeting(client);
  CHECK(client.submit<int>("echo", 1).result(kPatience) == 1);
  daemon.stop();
  const std::string text = message_of<DisconnectedError>([&] { return client.status(); });
  CHECK(contains(text, " has been gone for more than 100 ms: "));
  CHECK_FALSE(contains(text, "Before it went"));
}

TEST_CASE_FIXTURE(Failing, "S7 a daemon that greets with its store's failure is tried again") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) { d.answer(m, store_failed()); });
  Client client(options());
  static_cast<void>(daemon.wait_for<message::Hello>(2));
  daemon.become(FakeDaemon::serve);
  CHECK(client.submit<int>("echo", 7).result(kPatience) == 7);
}

}  // namespace
}  // namespace promised
