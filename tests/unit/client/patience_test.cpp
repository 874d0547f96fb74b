// SPDX-License-Identifier: Apache-2.0
// SEMANTICS S7: how long a client waits for a daemon that does not answer, and what it says then.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

TEST_CASE_FIXTURE(Fixture, "M1 reach returns once the daemon has answered, and again after it was gone") {
  Client client(options());
  client.reach(kPatience);
  daemon.stop();
  CHECK(eventually([&] {
    return contains(message_of<DisconnectedError>([&] {
                      client.reach(0ms);
                      return 0;
                    }),
                    "the daemon at " + endpoint + " has been gone for more than 0 ms: ");
  }));
  daemon.start();
  client.reach(kPatience);
  static_cast<void>(client.close());
  CHECK(message_of<Error>([&] {
          client.reach(kPatience);
          return 0;
        }) == "this client is closed: make a new one");
}

TEST_CASE_FIXTURE(Fixture,
                  "M1 reach throws DisconnectedError where somebody listens and says nothing, or refuses") {
  const auto reached = [](Client& client, std::chrono::milliseconds timeout) {
    return [&client, timeout] {
      client.reach(timeout);
      return 0;
    };
  };
  daemon.become([](FakeDaemon&, const FakeDaemon::Message&) {});
  Client silent(options());
  CHECK(contains(message_of<DisconnectedError>(reached(silent, 30ms)),
                 "no daemon has answered at " + endpoint + " within 30 ms: "));
  ClientOptions hasty = options();
  hasty.connect_timeout = 20ms;
  Client impatient(hasty);
  CHECK(contains(message_of<DisconnectedError>(reached(impatient, kPatience)), " within 20 ms: "));
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    d.answer(m, message::Refused{"not_permitted", "go away", {}, State::unknown});
  });
  Client unwanted(options());
  CHECK(contains(message_of<RefusedError>(reached(unwanted, kPatience)), "refuses this client: go away"));
}

TEST_CASE(
    "no daemon: a wait throws DisconnectedError within the connect timeout, naming endpoint and remedy") {
  TempDirectory directory;
  ClientOptions options;
  options.endpoint = "ipc://" + (directory / "none.sock").string();
  options.connect_timeout = 1s;
  options.close_timeout = 0ms;
  options.log = [](std::string_view) {};
  Client client(options);
  const auto future = client.submit("f");
  const std::string text = message_of<DisconnectedError>([&] { return future.result(); });
  CHECK(text == "no daemon has answered at " + options.endpoint +
                    " within 1 s: there is no such socket. Start one (`systemctl start promised`, or "
                    "`" PROMISED_DAEMON "` as yourself), or set PROMISED_ENDPOINT to where it is");
  CHECK(message_of<DisconnectedError>([&] { return client.status(); }) == text);
  CHECK(message_of<DisconnectedError>([&] { return client.submit("f"); }) == text);
  CHECK(message_of<DisconnectedError>([&] {
          for (auto& f : as_completed(std::vector{future})) static_cast<void>(f);
          return 0;
        }) == text);
}

TEST_CASE("no daemon: the message tells a file that is no socket, and a socket that nobody answers on") {
  TempDirectory directory;
  const auto text_for = [&](const std::string& path) {
    ClientOptions options;
    options.endpoint = "ipc://" + path;
    options.connect_timeout = 20ms;
    Client client(options);
    return message_of<DisconnectedError>([&] { return client.status(); });
  };
  write_file(directory / "file", "x");
  CHECK(contains(text_for(directory / "file"), ": that file is not a socket. "));
  const std::string left = directory / "left.sock";
  { FakeDaemon gone("ipc://" + left); }
  if (!std::filesystem::exists(left)) {
    CHECK(contains(text_for(left), ": there is no such socket. "));
  } else {
    CHECK(contains(text_for(left), ": nobody answers on its socket. "));
  }
}

TEST_CASE("where nobody has listened yet, absent_timeout is the patience") {
  TempDirectory directory;
  ClientOptions options;
  options.endpoint = "ipc://" + (directory / "none.sock").string();
  options.connect_timeout = kPatience;
  options.absent_timeout = 20ms;
  Client client(options);
  CHECK(contains(message_of<DisconnectedError>([&] { return client.status(kPatience); }), " within 20 ms: "));
}

TEST_CASE_FIXTURE(Fixture,
                  "connect_timeout is the patience with a daemon that listens and is slow, or was there") {
  ClientOptions hasty = options();
  hasty.absent_timeout = kPatience;
  hasty.connect_timeout = 20ms;
  daemon.become([](FakeDaemon&, const FakeDaemon::Message&) {});
  Client slow(hasty);
  CHECK(contains(message_of<DisconnectedError>([&] { return slow.status(kPatience); }), " within 20 ms: "));
  daemon.become(FakeDaemon::serve);
  Client client(hasty);
  CHECK(eventually(
      [&] { return message_of<DisconnectedError>([&] { return client.cancel("x"); }) == "threw nothing"; }));
  daemon.stop();
  CHECK(contains(message_of<DisconnectedError>([&] { return client.status(kPatience); }),
                 " has been gone for more than 20 ms: "));
}

TEST_CASE_FIXTURE(Fixture,
                  "S7 a daemon that is gone for too long ends blocked waits, and its return mends all") {
  ClientOptions impatient = options();
  impatient.connect_timeout = 100ms;
  Client client(impatient);
  await_greeting(client);
  const auto future = client.submit<int>("silent");
  static_cast<void>(daemon.wait_for<message::Submit>());
  std::string waited;
  std::string waited_for_many;
  {
    std::jthread one([&] { waited = message_of<DisconnectedError>([&] { return future.result(); }); });
    std::jthread many([&] {
      waited_for_many =
          message_of<DisconnectedError>([&] { return promised::wait(std::vector{future}).done.size(); });
    });
    daemon.stop();
  }
  CHECK(waited.starts_with("the daemon at " + endpoint + " has been gone for more than 100 ms: "));
  CHECK(waited_for_many == waited);
  CHECK_FALSE(future.done());
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::Submit>(m.request.body)) return FakeDaemon::serve(d, m);
    d.answer(m, succeeded(std::get<message::Submit>(m.request.body).id), encoded(Value(std::int64_t{3})));
  });
  daemon.start();
  CHECK(eventually([&] { return future.done(); }));
  CHECK(future.result(0ms) == 3);
  CHECK(client.submit("anything").wait(kPatience));
}

TEST_CASE_FIXTURE(Fixture, "a daemon that refuses the client ends its waits with the reason") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    d.answer(m, message::Refused{"not_permitted", "user 1000 may not use this daemon", {}, State::unknown});
  });
  Client client(options());
  try {
    static_cast<void>(client.status(kPatience));
    FAIL("an answer");
  } catch (const RefusedError& e) {
    CHECK(e.code() == "not_permitted");
    CHECK(std::string(e.what()) ==
          "the daemon at " + endpoint + " refuses this client: user 1000 may not use this daemon");
  }
}

}  // namespace
}  // namespace promised
