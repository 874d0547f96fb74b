// SPDX-License-Identifier: Apache-2.0
// SEMANTICS S1: closing waits for acceptance and reports what was not accepted. And the acknowledging of
// deliveries.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <thread>

#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

TEST_CASE_FIXTURE(Fixture, "S1 closing waits until everything submitted is accepted") {
  Client client(options());
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (std::holds_alternative<message::Hello>(m.request.body)) FakeDaemon::serve(d, m);
  });
  const auto future = client.submit("f");
  std::jthread late([&] {
    const FakeDaemon::Message seen = daemon.wait_for<message::Submit>();
    daemon.answer(seen, message::Accepted{{seen.request.number}});
  });
  CHECK(client.close(kPatience).empty());
  CHECK(daemon.wait_for<message::Bye>().request.number > 0);
}

TEST_CASE_FIXTURE(Fixture, "S1 closing returns what was not accepted in time") {
  Client client(options());
  const auto silent = client.submit("silent");
  const auto accepted = client.submit("hold");
  accepted.accepted(kPatience);
  const std::vector<Unaccepted> left = client.close(1ms);
  REQUIRE(left.size() == 1);
  CHECK(left[0].id == silent.id());
  CHECK(left[0].function == "silent");
  CHECK(left[0].reason == "the daemon has not accepted it in time");
  CHECK(client.close().empty());
}

TEST_CASE_FIXTURE(Fixture, "S1 destroying a client logs what was not accepted") {
  std::string line;
  {
    ClientOptions hasty = options();
    hasty.close_timeout = 1ms;
    Client client(hasty);
    line = "closing: silent (job " + client.submit("silent").id().text() +
           ") was not accepted: the daemon has not accepted it in time";
  }
  CHECK(log.lines() == std::vector{line});
}

TEST_CASE_FIXTURE(Fixture, "S1 a refusal that nobody looked at is logged, and returned by close") {
  Client client(options());
  const JobId id = client.submit("refuse").id();
  CHECK(eventually([&] {
    return log.has("refuse (job " + id.text() +
                   ") was not accepted, and nobody asked: no pool offers refuse");
  }));
  const auto looked_at = client.submit("refuse");
  CHECK_THROWS_AS(looked_at.accepted(kPatience), RefusedError);
  const std::vector<Unaccepted> left = client.close();
  REQUIRE(left.size() == 1);
  CHECK(left[0].id == id);
  CHECK(left[0].reason == "no pool offers refuse");
  CHECK(log.lines().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "S1 a refusal that nobody looked at is logged once, also when the client goes") {
  std::string line;
  {
    Client client(options());
    line = "refuse (job " + client.submit("refuse").id().text() +
           ") was not accepted, and nobody asked: no pool offers refuse";
  }
  CHECK(log.lines() == std::vector{line});
}

TEST_CASE_FIXTURE(Fixture,
                  "futures outlive their client: a value stays, a wait says that the client is closed") {
  Future<int> done;
  Future<int> open;
  Future<int> called;
  std::string seen_by_callback;
  {
    Client client(options());
    done = client.submit<int>("echo", 1);
    done.wait(kPatience);
    open = client.submit<int>("hold");
    open.add_done_callback([&](const Future<int>& f) {
      seen_by_callback = message_of<DisconnectedError>([&] { return f.result(0ms); });
    });
  }
  CHECK(done.result() == 1);
  CHECK(message_of<DisconnectedError>([&] { return open.result(); }) ==
        "hold (job " + open.id().text() +
            "): the client was closed before this came to an end; ask for it with another client");
  CHECK(seen_by_callback == message_of<DisconnectedError>([&] { return open.result(); }));
  CHECK(message_of<Error>([&] { return done.forget(); }) == "this client is closed: make a new one");
}

TEST_CASE_FIXTURE(Fixture, "S4 submitting after close throws") {
  Client client(options());
  static_cast<void>(client.close());
  CHECK(message_of<Error>([&] { return client.submit("f"); }) == "this client is closed: make a new one");
  CHECK(message_of<Error>([&] { return client.status(); }) == "this client is closed: make a new one");
}

TEST_CASE_FIXTURE(Fixture, "closing ends a wait for an answer in another thread") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (std::holds_alternative<message::Hello>(m.request.body)) FakeDaemon::serve(d, m);
  });
  Client client(options());
  std::string text;
  {
    std::jthread asking([&] { text = message_of<DisconnectedError>([&] { return client.cancel("x"); }); });
    static_cast<void>(daemon.wait_for<message::Cancel>());
    CHECK(client.close().empty());
  }
  CHECK(text ==
        "cancelling the future \"x\": the client was closed before this came to an end; ask for it with "
        "another client");
}

TEST_CASE("S1 without a daemon, closing gives up when the daemon is declared gone") {
  TempDirectory directory;
  ClientOptions options;
  options.endpoint = "ipc://" + (directory / "none.sock").string();
  options.connect_timeout = 1s;
  Client client(options);
  const auto future = client.submit("f");
  const auto begun = std::chrono::steady_clock::now();
  CHECK(client.close(kPatience).size() == 1);
  CHECK(std::chrono::steady_clock::now() - begun < kPatience / 2);
}

TEST_CASE("what a client logs on stderr is one line that a terminal does not obey") {
  TempDirectory directory;
  const auto file = directory / "stderr";
  const int before = ::dup(STDERR_FILENO);
  const int instead = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(::dup2(instead, STDERR_FILENO) == STDERR_FILENO);
  {
    ClientOptions options;
    options.endpoint = "ipc://" + (directory / "none.sock").string();
    options.close_timeout = 0ms;
    Client client(options);
    static_cast<void>(client.submit("a\nb\x1b[2J"));
  }
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  ::close(instead);
  std::ifstream written(file);
  std::string line, more;
  CHECK(std::getline(written, line));
  CHECK(line.starts_with("promised: closing: a\\nb\\x1b[2J (job "));
  CHECK_FALSE(std::getline(written, more));
}

TEST_CASE_FIXTURE(Fixture, "a client may be closed and destroyed in a callback of its own future") {
  auto client = std::make_unique<Client>(options());
  std::atomic<bool> gone{false};
  const auto future = client->submit("hold");
  future.add_done_callback([&](const AnyFuture&) {
    client.reset();
    gone = true;
  });
  daemon.answer(daemon.wait_for<message::Submit>(), succeeded(future.id()));
  CHECK(eventually([&] { return gone.load(); }));
}

std::uint64_t acknowledged(const FakeDaemon& daemon) {
  std::uint64_t most = 0;
  for (const auto& m : daemon.received<std::monostate>()) most = std::max(most, m.request.received);
  return most;
}

TEST_CASE_FIXTURE(Fixture, "R8 deliveries are acknowledged soon, cumulatively, without another request") {
  Client client(options());
  const auto first = client.submit("hold");
  const auto second = client.submit("hold");
  const FakeDaemon::Message one = daemon.wait_for<message::Submit>(1);
  const FakeDaemon::Message two = daemon.wait_for<message::Submit>(2);
  daemon.answer(one, succeeded(first.id()), {}, 1);
  daemon.answer(two, succeeded(second.id()), {}, 2);
  CHECK(eventually([&] { return acknowledged(daemon) == 2; }));
}

TEST_CASE_FIXTURE(Fixture, "R8 many deliveries are acknowledged before the time is up") {
  Client client(options());
  daemon.become([delivery = std::make_shared<std::uint64_t>(0)](FakeDaemon& d, const FakeDaemon::Message& m) {
    const auto* submit = std::get_if<message::Submit>(&m.request.body);
    if (submit == nullptr) return FakeDaemon::serve(d, m);
    d.answer(m, succeeded(submit->id), {}, ++*delivery);
  });
  std::vector<AnyFuture> futures;
  for (int i = 0; i < 1500; ++i) futures.push_back(client.submit("f"));
  CHECK(promised::wait(futures, kPatience).not_done.empty());
  CHECK(eventually([&] { return acknowledged(daemon) == 1500; }));
}

TEST_CASE_FIXTURE(Fixture, "R8 the Bye acknowledges what had arrived") {
  Client client(options());
  const auto future = client.submit("hold");
  daemon.answer(daemon.wait_for<message::Submit>(), succeeded(future.id()), {}, 7);
  future.wait(kPatience);
  static_cast<void>(client.close());
  CHECK(daemon.wait_for<message::Bye>().request.received == 7);
}

TEST_CASE_FIXTURE(Fixture, "R8 what an earlier connection delivered is not acknowledged on the next") {
  Client client(options());
  const auto future = client.submit("hold");
  daemon.answer(daemon.wait_for<message::Submit>(), succeeded(future.id()), {}, 1'000'000);
  future.wait(kPatience);
  daemon.stop();
  daemon.forget_record();
  daemon.start();
  const auto next = client.submit("hold");
  daemon.answer(daemon.wait_for<message::Submit>(), succeeded(next.id()), {}, 1);
  CHECK(eventually([&] { return acknowledged(daemon) == 1; }));
  static_cast<void>(client.close());
  CHECK(daemon.wait_for<message::Bye>().request.received == 1);
}

}  // namespace
}  // namespace promised
