// SPDX-License-Identifier: Apache-2.0
// Cancelling, remembering, forgetting, new limits, and looking.
#include <doctest/doctest.h>

#include <thread>

#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

const JobId kJob = *JobId::parse("01900000-0000-7000-8000-000000000001");

template <class Body>
Body last(const FakeDaemon& daemon) {
  return std::get<Body>(daemon.wait_for<Body>().request.body);
}

/// A daemon that answers every Body with `reply`.
template <class Body, class Reply>
FakeDaemon::Script answering(Reply reply) {
  return [reply](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<Body>(m.request.body)) return FakeDaemon::serve(d, m);
    d.answer(m, reply);
  };
}

TEST_CASE_FIXTURE(Fixture, "X2 cancel says whether it had effect") {
  Client client(options());
  const auto future = client.submit("hold");
  CHECK(future.cancel());
  CHECK(last<message::Cancel>(daemon).key.id == future.id());
  daemon.become(answering<message::Cancel>(message::Known{future.id(), State::succeeded, false}));
  CHECK_FALSE(future.cancel());
  CHECK_FALSE(client.cancel(future.id()));
}

TEST_CASE_FIXTURE(Fixture, "X1 cancel says how and why") {
  Client client(options());
  const auto order = [&](std::size_t nth) {
    return std::get<message::Cancel>(daemon.wait_for<message::Cancel>(nth).request.body);
  };
  const auto future = client.submit("hold");
  CHECK(future.cancel());
  CHECK_FALSE(order(1).now);
  CHECK(order(1).reason.empty());
  CHECK(future.cancel(CancelOptions().now().reason("not needed")));
  CHECK(order(2).now);
  CHECK(order(2).reason == "not needed");
  CHECK(client.cancel("a name", CancelOptions().reason("why")));
  CHECK(order(3).key.name == "a name");
  CHECK(order(3).reason == "why");
}

TEST_CASE_FIXTURE(Fixture, "X2 cancelling a future that is done does not ask the daemon") {
  Client client(options());
  const auto future = client.submit("echo", 1);
  future.wait(kPatience);
  CHECK_FALSE(future.cancel());
  CHECK(daemon.received<message::Cancel>().empty());
}

TEST_CASE_FIXTURE(Fixture, "a client cancels and forgets by name") {
  Client client(options());
  CHECK(client.cancel("client-123-report"));
  CHECK(last<message::Cancel>(daemon).key.name == "client-123-report");
  CHECK(client.forget(std::string("client-123-report")));
  CHECK(last<message::Forget>(daemon).key.name == "client-123-report");
}

TEST_CASE_FIXTURE(Fixture, "S4 remembering a job that was refused says why it was refused") {
  daemon.become(answering<message::Remember>(
      message::Refused{"no_such_future", "there is no such job", {}, State::unknown}));
  Client client(options());
  const auto refused = client.submit("refuse");
  CHECK(message_of<RefusedError>([&] {
          refused.remember("name");
          return 0;
        }) == "no pool offers refuse");
  const auto held = client.submit("hold");
  CHECK(message_of<NoSuchFuture>([&] {
          held.remember("name");
          return 0;
        }) == "there is no such job");
}

TEST_CASE_FIXTURE(Fixture, "an empty key is refused before anything is sent") {
  Client client(options());
  CHECK(message_of<Error>([&] { return client.cancel(""); }) ==
        "expected a job's id or the name of a future, found neither");
  CHECK(message_of<Error>([&] { return client.future(JobId()); }) ==
        "expected a job's id or the name of a future, found neither");
}

TEST_CASE_FIXTURE(Fixture, "R2 remember, timeout and run_timeout chain, each with the daemon's answer") {
  Client client(options());
  const auto future = client.submit<int>("hold");
  future.timeout(90s).run_timeout(5min).remember("x", 10min, Duplicate::replace);
  const auto limits = daemon.received<message::Adjust>();
  REQUIRE(limits.size() == 2);
  const auto& first = std::get<message::Adjust>(limits[0].request.body);
  CHECK(first.id == future.id());
  CHECK(first.timeout == 90s);
  CHECK_FALSE(first.run_timeout.has_value());
  const auto& second = std::get<message::Adjust>(limits[1].request.body);
  CHECK_FALSE(second.timeout.has_value());
  CHECK(second.run_timeout == 5min);
  const auto remember = last<message::Remember>(daemon);
  CHECK(remember.id == future.id());
  CHECK(remember.name == "x");
  CHECK(remember.lifespan == 10min);
  CHECK(remember.duplicate == Duplicate::replace);
  CHECK_FALSE(remember.outcome.has_value());
}

TEST_CASE_FIXTURE(Fixture, "R2 a future that is done is remembered with its outcome and value") {
  Client client(options());
  const auto done = client.submit<std::string>(Options().durability(Durability::memory), "echo", "the value");
  done.wait(kPatience);
  done.remember("x");
  const FakeDaemon::Message seen = daemon.wait_for<message::Remember>();
  const auto& remember = std::get<message::Remember>(seen.request.body);
  REQUIRE(remember.outcome.has_value());
  CHECK(remember.outcome->function == "echo");
  CHECK(remember.outcome->state == State::succeeded);
  CHECK(remember.outcome->durability == Durability::memory);
  CHECK(seen.payload == encoded(Value("the value")));
}

TEST_CASE_FIXTURE(Fixture, "R2 a failure is remembered as such") {
  Client client(options());
  const auto failed = client.submit<int>("fail");
  failed.wait(kPatience);
  failed.remember("x");
  const auto remember = last<message::Remember>(daemon);
  REQUIRE(remember.outcome.has_value());
  CHECK(remember.outcome->state == State::failed);
  CHECK(remember.outcome->failure.message == "disk full");
}

TEST_CASE_FIXTURE(Fixture, "R2 an outcome that overtakes its remembering is told with a second request") {
  Client client(options());
  const auto future = client.submit<int>("hold");
  const FakeDaemon::Message submit = daemon.wait_for<message::Submit>();
  daemon.become([submit](FakeDaemon& d, const FakeDaemon::Message& m) {
    const auto* remember = std::get_if<message::Remember>(&m.request.body);
    if (remember == nullptr || remember->outcome.has_value()) return FakeDaemon::serve(d, m);
    d.answer(submit, succeeded(remember->id), encoded(Value(std::int64_t{5})));
    d.answer(m, message::Refused{"no_such_future", "delivered and gone", {}, State::unknown});
  });
  future.remember("x");
  CHECK(daemon.received<message::Remember>().size() == 2);
  CHECK(future.result(0ms) == 5);
}

TEST_CASE_FIXTURE(Fixture, "R3 remembering under a taken name throws NameTaken") {
  daemon.become(
      answering<message::Remember>(message::Refused{"name_taken", "\"x\" is taken", kJob, State::running}));
  Client client(options());
  const auto future = client.submit("hold");
  CHECK(message_of<NameTaken>([&] {
          future.remember("x");
          return 0;
        }) == "\"x\" is taken");
  CHECK(message_of<NameTaken>([&] {
          client.remember(future.id(), "x");
          return 0;
        }) == "\"x\" is taken");
}

TEST_CASE_FIXTURE(Fixture, "R4 forget says whether there was a name, and the future still works") {
  Client client(options());
  const auto future = client.submit("hold");
  CHECK(future.forget());
  CHECK(last<message::Forget>(daemon).key.id == future.id());
  daemon.become(answering<message::Forget>(message::Known{future.id(), State::pending, false}));
  CHECK_FALSE(future.forget());
  daemon.answer(daemon.wait_for<message::Submit>(), succeeded(future.id()), encoded(Value(true)));
  CHECK(future.result(kPatience) == Value(true));
}

TEST_CASE_FIXTURE(Fixture, "R2 remember by id carries lifespan and duplicate") {
  Client client(options());
  client.remember(kJob, "x", 1h, Duplicate::attach);
  const auto remember = last<message::Remember>(daemon);
  CHECK(remember.id == kJob);
  CHECK(remember.lifespan == 1h);
  CHECK(remember.duplicate == Duplicate::attach);
}

TEST_CASE_FIXTURE(Fixture, "M1 status brings what the daemon tells of itself") {
  message::Status status;
  status.view.version = "1.2.3";
  status.view.health = "ok";
  daemon.become(answering<message::StatusQuery>(status));
  Client client(options());
  CHECK(client.status() == status.view);
}

TEST_CASE_FIXTURE(Fixture, "M2 jobs carries every condition of the filter, and brings a page") {
  message::Jobs page;
  page.jobs.resize(2);
  page.jobs[0].id = kJob;
  page.jobs[0].function = "report.build";
  page.jobs[1].id = kJob;
  page.more = true;
  daemon.become(answering<message::List>(page));
  Client client(options());
  const JobPage got = client.jobs({.states = {State::pending, State::failed},
                                   .function = "report.*",
                                   .queue = "reports",
                                   .name_prefix = "client-",
                                   .remembered = true,
                                   .most = 7,
                                   .after = kJob});
  CHECK(got.jobs == page.jobs);
  CHECK(got.more);
  const auto list = last<message::List>(daemon);
  CHECK(list.states ==
        (1U << static_cast<unsigned>(State::pending) | 1U << static_cast<unsigned>(State::failed)));
  CHECK(list.function == "report.*");
  CHECK(list.queue == "reports");
  CHECK(list.name_prefix == "client-");
  CHECK(list.remembered);
  CHECK(list.most == 7);
  CHECK(list.after == kJob);
}

TEST_CASE_FIXTURE(Fixture, "M3 show asks by id, name, prefix, and for the last job") {
  message::Jobs one;
  one.jobs.resize(1);
  one.jobs[0].id = kJob;
  daemon.become(answering<message::Show>(one));
  Client client(options());
  CHECK(client.show(kJob) == one.jobs[0]);
  CHECK(client.show("x") == one.jobs[0]);
  CHECK(client.show_prefix("0190") == one.jobs[0]);
  CHECK(client.show_last() == one.jobs[0]);
  const auto asked = daemon.received<message::Show>();
  REQUIRE(asked.size() == 4);
  CHECK(std::get<message::Show>(asked[0].request.body).key.id == kJob);
  CHECK(std::get<message::Show>(asked[1].request.body).key.name == "x");
  CHECK(std::get<message::Show>(asked[2].request.body).prefix == "0190");
  CHECK(std::get<message::Show>(asked[3].request.body).last);
}

TEST_CASE_FIXTURE(Fixture, "M3 show throws what the daemon refuses, and wonders at any but one job") {
  daemon.become(answering<message::Show>(message::Refused{"ambiguous", "several", {}, State::unknown}));
  Client client(options());
  CHECK(message_of<RefusedError>([&] { return client.show_prefix("0"); }) == "several");
  daemon.become(answering<message::Show>(message::Jobs{}));
  CHECK(message_of<Error>([&] { return client.show("x"); }) ==
        "showing the future \"x\": expected one job, the daemon told of 0");
}

TEST_CASE_FIXTURE(Fixture, "a question without an answer in time throws TimeoutError that names it") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (std::holds_alternative<message::Hello>(m.request.body)) FakeDaemon::serve(d, m);
  });
  Client client(options());
  CHECK(message_of<TimeoutError>([&] { return client.status(1ms); }) ==
        "asking for the daemon's status: the daemon has not answered within 1 ms");
  CHECK(message_of<TimeoutError>([&] { return client.cancel("x", 1ms); }) ==
        "cancelling the future \"x\": the daemon has not answered within 1 ms");
}

TEST_CASE_FIXTURE(
    Fixture, "Q2 a daemon that goes while it clears a queue has done so in part, and is not asked again") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::SteerQueue>(m.request.body)) FakeDaemon::serve(d, m);
  });
  Client client(options());
  std::thread restart([&] {
    static_cast<void>(daemon.wait_for<message::SteerQueue>());
    daemon.stop();
    daemon.start();
  });
  std::string code;
  CHECK(message_of<RefusedError>([&] {
          try {
            return client.clear_queue("mail");
          } catch (const RefusedError& e) {
            code = e.code();
            throw;
          }
        }) ==
        "the daemon went, or the connection to it, before it had answered; the queue may be cleared as a "
        "whole, "
        "in part or not at all; ask again, which cancels what waits in it then");
  CHECK(code == "interrupted");
  restart.join();
  CHECK(client.cancel("name"));  // the client itself goes on
  CHECK(daemon.received<message::SteerQueue>().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "an answer that does not fit the question says so") {
  daemon.become(answering<message::StatusQuery>(message::Jobs{}));
  Client client(options());
  CHECK(message_of<Error>([&] { return client.status(); }) ==
        "asking for the daemon's status: the daemon gave an answer that does not fit the question; is it of "
        "another "
        "version?");
}

}  // namespace
}  // namespace promised
