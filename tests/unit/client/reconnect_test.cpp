// SPDX-License-Identifier: Apache-2.0
// SEMANTICS S7: what happens when the daemon goes and comes back.
#include <doctest/doctest.h>

#include <thread>

#include "common/ids.hpp"
#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

TEST_CASE_FIXTURE(Fixture,
                  "S2 S7 what was not accepted is submitted again under the same id, in the same order") {
  Client client(options());
  const auto first = client.submit<std::string>("silent", "a");
  const auto second = client.submit<std::string>("silent", "b");
  const FakeDaemon::Message before = daemon.wait_for<message::Submit>();
  static_cast<void>(daemon.wait_for<message::Submit>(2));
  const auto hello = std::get<message::Hello>(daemon.wait_for<message::Hello>().request.body);
  daemon.stop();
  daemon.forget_record();
  daemon.start();
  const FakeDaemon::Message again = daemon.wait_for<message::Submit>(1);
  const FakeDaemon::Message next = daemon.wait_for<message::Submit>(2);
  CHECK(submit_of(again).id == first.id());
  CHECK(submit_of(next).id == second.id());
  CHECK(again.payload == before.payload);
  CHECK(std::get<message::Hello>(daemon.wait_for<message::Hello>().request.body).client == hello.client);
  daemon.answer(again, succeeded(first.id()), encoded(Value("done")));
  CHECK(first.result(kPatience) == "done");
  daemon.answer(next, message::Accepted{{next.request.number}});
}

TEST_CASE_FIXTURE(Fixture, "S7 what was accepted is watched again, not submitted again") {
  Client client(options());
  const auto future = client.submit<std::string>("hold");
  future.accepted(kPatience);
  daemon.stop();
  daemon.forget_record();
  daemon.start();
  const FakeDaemon::Message watch = daemon.wait_for<message::Watch>();
  CHECK(std::get<message::Watch>(watch.request.body).key.id == future.id());
  daemon.answer(watch, succeeded(future.id()), encoded(Value("kept")));
  CHECK(future.result(kPatience) == "kept");
  CHECK(daemon.received<message::Submit>().empty());
}

TEST_CASE_FIXTURE(Fixture, "S7 what was accepted and nobody holds any more is not asked for again") {
  Client client(options());
  client.submit("hold").accepted(kPatience);
  const auto held = client.submit("hold");
  held.accepted(kPatience);
  daemon.stop();
  daemon.forget_record();
  daemon.start();
  CHECK(client.cancel(held.id()));
  const auto watches = daemon.received<message::Watch>();
  REQUIRE(watches.size() == 1);
  CHECK(std::get<message::Watch>(watches[0].request.body).key.id == held.id());
}

TEST_CASE_FIXTURE(Fixture, "S7 a question that was out is asked again") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (std::holds_alternative<message::Hello>(m.request.body)) FakeDaemon::serve(d, m);
  });
  Client client(options());
  std::jthread restart([&] {
    static_cast<void>(daemon.wait_for<message::Cancel>());
    daemon.stop();
    daemon.become(FakeDaemon::serve);
    daemon.start();
  });
  CHECK(client.cancel("x"));
  CHECK(daemon.received<message::Cancel>().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "S1 what a stopping daemon did not take is told with the reason") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (std::holds_alternative<message::Submit>(m.request.body)) {
      d.answer(m, message::Refused{"stopping", "the daemon is stopping", {}, State::unknown});
    }
    FakeDaemon::serve(d, m);
  });
  Client client(options());
  const auto future = client.submit("silent");
  CHECK(client.cancel("x"));  // answered after it
  CHECK(message_of<TimeoutError>([&] {
          future.accepted(1ms);
          return 0;
        }) == "silent (job " + future.id().text() +
                  ") has not been accepted within 1 ms: the daemon was stopping and accepted no more jobs");
  const std::vector<Unaccepted> left = client.close(0ms);
  REQUIRE(left.size() == 1);
  CHECK(left[0].reason == "the daemon was stopping and accepted no more jobs");
}

/// The first Body gets no answer, since the daemon goes with it; the next ones get `reply`.
template <class Body, class Reply>
std::jthread answer_lost(FakeDaemon& daemon, Reply reply) {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (std::holds_alternative<message::Hello>(m.request.body)) FakeDaemon::serve(d, m);
  });
  return std::jthread([&daemon, reply] {
    static_cast<void>(daemon.wait_for<Body>());
    daemon.stop();
    daemon.become([reply](FakeDaemon& d, const FakeDaemon::Message& m) {
      if (!std::holds_alternative<Body>(m.request.body)) return FakeDaemon::serve(d, m);
      d.answer(m, reply);
    });
    daemon.start();
  });
}

const message::Refused kForgotten{"no_such_future", "it was forgotten", {}, State::forgotten};

TEST_CASE_FIXTURE(Fixture,
                  "R4 S7 a forget whose answer was lost with the daemon still says that there was one") {
  Client client(options());
  const std::jthread restart = answer_lost<message::Forget>(daemon, kForgotten);
  CHECK(client.forget("x"));
  CHECK(daemon.received<message::Forget>().size() == 2);
}

TEST_CASE_FIXTURE(Fixture,
                  "R4 R6 a name that was forgotten before is a NoSuchFuture, now and after a restart") {
  Client client(options());
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::Forget>(m.request.body)) return FakeDaemon::serve(d, m);
    d.answer(m, kForgotten);
  });
  CHECK(message_of<NoSuchFuture>([&] { return client.forget("x"); }) == "it was forgotten");
  daemon.stop();
  // What goes out before the client has seen that might have arrived, and would be sent again.
  REQUIRE(eventually([&] {
    return message_of<DisconnectedError>([&] {
             client.reach(0ms);
             return 0;
           }) != "threw nothing";
  }));
  std::jthread restart([&] { daemon.start(); });
  CHECK(message_of<NoSuchFuture>([&] { return client.forget("x"); }) == "it was forgotten");
}

TEST_CASE_FIXTURE(Fixture, "R4 a lapsed name is none for a forget that was sent again either") {
  Client client(options());
  const std::jthread restart = answer_lost<message::Forget>(
      daemon, message::Refused{"no_such_future", "it has lapsed", {}, State::lapsed});
  CHECK(message_of<NoSuchFuture>([&] { return client.forget("x"); }) == "it has lapsed");
}

TEST_CASE_FIXTURE(Fixture,
                  "X2 S7 a cancel whose answer was lost with the daemon still says that it had effect") {
  const JobId id = new_job_id();
  Client client(options());
  const std::jthread restart =
      answer_lost<message::Cancel>(daemon, message::Known{id, State::cancelled, false});
  CHECK(client.cancel(id));
  CHECK_FALSE(client.cancel(id));
}

TEST_CASE_FIXTURE(Fixture, "X2 S7 a cancel that was sent again had no effect on a job that had ended") {
  const JobId id = new_job_id();
  Client client(options());
  const std::jthread restart =
      answer_lost<message::Cancel>(daemon, message::Known{id, State::succeeded, false});
  CHECK_FALSE(client.cancel(id));
}

TEST_CASE_FIXTURE(Fixture,
                  "S7 a daemon that does not know the connection gets a Hello and everything again") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (std::holds_alternative<message::Hello>(m.request.body)) return FakeDaemon::serve(d, m);
    if (!std::holds_alternative<message::Submit>(m.request.body)) return;
    if (d.received<message::Hello>().size() == 1) {
      d.answer(m, message::Refused{"no_session", "say Hello first", {}, State::unknown});
    } else {
      FakeDaemon::serve(d, m);
    }
  });
  Client client(options());
  CHECK(client.submit<int>("echo", 5).result(kPatience) == 5);
  CHECK(daemon.received<message::Hello>().size() == 2);
  CHECK(daemon.received<message::Submit>().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "S7 what a stopping daemon did not take is for the one after it") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::Submit>(m.request.body)) return FakeDaemon::serve(d, m);
    d.answer(m, message::Refused{"stopping", "the daemon is stopping", {}, State::unknown});
  });
  Client client(options());
  const auto future = client.submit<int>("echo", 5);
  static_cast<void>(daemon.wait_for<message::Submit>());
  CHECK_FALSE(future.wait(5ms));
  daemon.stop();
  daemon.become(FakeDaemon::serve);
  daemon.start();
  CHECK(future.result(kPatience) == 5);
}

TEST_CASE_FIXTURE(Fixture, "a memory job that the daemon lost with its restart says why") {
  Client client(options());
  const auto future = client.submit(Options().durability(Durability::memory), "hold");
  future.accepted(kPatience);
  daemon.stop();
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::Watch>(m.request.body)) return FakeDaemon::serve(d, m);
    d.answer(m, message::Refused{"no_such_future", "there is no such job", {}, State::unknown});
  });
  daemon.start();
  CHECK(message_of<NoSuchFuture>([&] { return future.result(kPatience); }) ==
        "there is no such job (it was submitted with Durability::memory: such a job is lost when the daemon "
        "restarts)");
}

}  // namespace
}  // namespace promised
