// SPDX-License-Identifier: Apache-2.0
// SEMANTICS S7: what happens when the daemon goes and comes back, or does not.
#include <doctest/doctest.h>

#include <thread>

#include "common/ids.hpp"
#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

message::Submit submit_of(const FakeDaemon::Message& m) {
  return std::get<message::Submit>(m.request.body);
}

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

TEST_CASE(
    "no daemon: a wait throws DisconnectedError within the connect timeout, naming endpoint and remedy") {
  TempDirectory directory;
  ClientOptions options;
  options.endpoint = "ipc://" + (directory / "none.sock").string();
  options.connect_timeout = 50ms;
  options.close_timeout = 0ms;
  options.log = [](std::string_view) {};
  Client client(options);
  const auto future = client.submit("f");
  const std::string text = message_of<DisconnectedError>([&] { return future.result(); });
  CHECK(text == "no daemon has answered at " + options.endpoint +
                    " within 50 ms: there is no such socket. Start one (`systemctl start promised`, or "
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

TEST_CASE_FIXTURE(Fixture,
                  "S7 a daemon that is gone for too long ends blocked waits, and its return mends all") {
  ClientOptions impatient = options();
  impatient.connect_timeout = 100ms;
  Client client(impatient);
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

TEST_CASE_FIXTURE(Fixture, "garbage from the daemon is logged once and harms nobody") {
  Client client(options());
  const auto future = client.submit<int>("hold");
  const FakeDaemon::Message seen = daemon.wait_for<message::Submit>();
  daemon.send_raw(seen.from, "\xff\xff");
  daemon.send_raw(seen.from, "\xff\xff");
  daemon.answer(seen, succeeded(future.id()), encoded(Value(std::int64_t{1})));
  CHECK(future.result(kPatience) == 1);
  CHECK(log.lines().size() == 1);
  CHECK(log.has("the daemon at " + endpoint + " sent what is no answer ("));
}

TEST_CASE_FIXTURE(Fixture, "a request that the daemon could not read is logged") {
  Client client(options());
  static_cast<void>(client.cancel("x"));
  message::Reply reply;
  reply.body = message::Refused{"garbage", "what came is no message", {}, State::unknown};
  daemon.send(daemon.wait_for<message::Cancel>().from, reply);
  CHECK(eventually([&] { return log.has("the daemon could not read a request: what came is no message"); }));
}

TEST_CASE_FIXTURE(Fixture, "answers to what nobody asked, and answers that come twice, change nothing") {
  Client client(options());
  const auto future = client.submit<int>("hold");
  const FakeDaemon::Message seen = daemon.wait_for<message::Submit>();
  daemon.answer(seen, message::Accepted{{seen.request.number, 999'999, seen.request.number}});
  daemon.answer(seen, succeeded(future.id()), encoded(Value(std::int64_t{1})));
  daemon.answer(seen, message::Ended{future.id(), State::cancelled, {}, {}});
  daemon.answer(seen, message::Refused{"limit", "late", {}, State::unknown});
  static_cast<void>(client.cancel("x"));
  CHECK(future.result(0ms) == 1);
  CHECK(client.close().empty());
}

}  // namespace
}  // namespace promised
