// SPDX-License-Identifier: Apache-2.0
// What a future says of a job that came to no value.
#include <doctest/doctest.h>

#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

/// A held job that the test ends as it likes.
struct Held : Fixture {
  Client client{options()};
  Future<std::string> future = client.submit<std::string>("hold");
  FakeDaemon::Message seen = daemon.wait_for<message::Submit>();
  std::string subject = "hold (job " + future.id().text() + ")";

  void end(State state, const Failure& failure = {}, const std::string& reason = "") {
    daemon.answer(seen, message::Ended{future.id(), state, failure, reason});
  }
  std::string text_of_failure(const Failure& failure) {
    end(State::failed, failure);
    return message_of<JobFailed>([&] { return future.result(kPatience); });
  }
};

TEST_CASE_FIXTURE(Held, "S3 an exception is rethrown with function, job, type, message and the last output") {
  Failure failure;
  failure.cause = Cause::exception;
  failure.type = "std::runtime_error";
  failure.message = "disk full";
  failure.output = "line 1\nline 2\n";
  failure.attempt = 1;
  CHECK(text_of_failure(failure) ==
        subject +
            " failed (exception): std::runtime_error: disk full\nlast output of the worker:\nline 1\nline 2");
  CHECK(future.failure() == failure);
  CHECK(future.done());
  CHECK_FALSE(future.cancelled());
  CHECK_FALSE(future.running());
  CHECK(future.state() == State::failed);
  REQUIRE(future.exception() != nullptr);
  CHECK_THROWS_AS(std::rethrow_exception(future.exception()), JobFailed);
}

TEST_CASE_FIXTURE(Held, "a crash names the signal") {
  Failure failure;
  failure.cause = Cause::crashed;
  failure.signal = 11;
  CHECK(text_of_failure(failure) ==
        subject + " failed (crashed): its worker was killed by signal 11 (Segmentation fault)");
}

TEST_CASE_FIXTURE(Held, "a worker that exits names its status") {
  Failure failure;
  failure.cause = Cause::exited;
  failure.exit_code = 3;
  CHECK(text_of_failure(failure) == subject + " failed (exited): its worker exited with status 3");
}

TEST_CASE_FIXTURE(Held, "a run that took too long names the limit") {
  Failure failure;
  failure.cause = Cause::timed_out;
  failure.limit = "run_timeout";
  CHECK(text_of_failure(failure) == subject + " failed (timed_out): it ran longer than its run_timeout");
}

TEST_CASE("every cause has a sentence of its own where the daemon sends none") {
  const std::pair<Cause, std::string> sentences[] = {
      {Cause::memory, "its worker used more memory than its pool allows"},
      {Cause::interrupted, "it was interrupted, and submitted to run at most once"},
      {Cause::quarantined, "it is quarantined: it kept killing its worker"},
      {Cause::deadlock, "it waited for itself in a circle"},
      {Cause::no_function, "no pool offers the function"},
      {Cause::bad_arguments, "its arguments do not fit"},
      {Cause::result_too_large, "its result is larger than the daemon allows"},
      {Cause::member_failed, "one of its members did not succeed"},
      {Cause::exception, "no reason is known"},
  };
  for (const auto& [cause, sentence] : sentences) {
    Held held;
    Failure failure;
    failure.cause = cause;
    CHECK(held.text_of_failure(failure) ==
          held.subject + " failed (" + std::string(to_string(cause)) + "): " + sentence);
  }
}

TEST_CASE_FIXTURE(Held, "the daemon's own sentence goes first") {
  Failure failure;
  failure.cause = Cause::bad_arguments;
  failure.message = "argument 2: expected int32, given text";
  CHECK(text_of_failure(failure) ==
        subject + " failed (bad_arguments): argument 2: expected int32, given text");
}

TEST_CASE_FIXTURE(Held, "S3 a cancelled job throws CancelledError, from exception() too") {
  end(State::cancelled, {}, "by user 1000");
  CHECK(message_of<CancelledError>([&] { return future.result(kPatience); }) ==
        subject + " was cancelled: by user 1000");
  CHECK_THROWS_AS(static_cast<void>(future.exception()), CancelledError);
  CHECK(future.cancelled());
  CHECK_FALSE(future.failure().has_value());
  CHECK(future.state() == State::cancelled);
}

TEST_CASE_FIXTURE(Held, "T1 an expired job throws ExpiredError") {
  end(State::expired);
  CHECK(message_of<ExpiredError>([&] { return future.result(kPatience); }) ==
        subject + " expired: it waited in its queue for longer than its timeout");
  CHECK(future.state() == State::expired);
}

TEST_CASE_FIXTURE(Fixture, "S3 a job that succeeded has no exception") {
  Client client(options());
  const auto future = client.submit("echo", 1);
  CHECK(future.exception(kPatience) == nullptr);
  CHECK_FALSE(future.failure().has_value());
  CHECK(future.state() == State::succeeded);
}

TEST_CASE_FIXTURE(Fixture, "Q7 a refused submission throws the daemon's sentence and code") {
  Client client(options());
  const auto future = client.submit("refuse");
  try {
    future.accepted(kPatience);
    FAIL("accepted");
  } catch (const RefusedError& e) {
    CHECK(e.code() == "no_function");
    CHECK(std::string(e.what()) == "no pool offers refuse");
  }
  CHECK_THROWS_AS(static_cast<void>(future.result()), RefusedError);
  CHECK(future.done());
}

TEST_CASE_FIXTURE(Fixture, "R3 a taken name throws NameTaken with the holder and how it stands") {
  const JobId holder = *JobId::parse("01900000-0000-7000-8000-000000000001");
  daemon.become([&](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (std::holds_alternative<message::Hello>(m.request.body)) return FakeDaemon::serve(d, m);
    if (!std::holds_alternative<message::Submit>(m.request.body)) return;
    d.answer(m, message::Refused{"name_taken", "\"x\" is taken", holder, State::running});
  });
  Client client(options());
  const auto future = client.submit(Options().remember("x"), "f");
  try {
    future.accepted(kPatience);
    FAIL("accepted");
  } catch (const NameTaken& e) {
    CHECK(e.holder() == holder);
    CHECK(e.state() == State::running);
    CHECK(std::string(e.what()) == "\"x\" is taken");
  }
}

TEST_CASE_FIXTURE(Fixture, "R6 a name that is not known throws NoSuchFuture that tells lapsed from unknown") {
  daemon.become([&](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (std::holds_alternative<message::Hello>(m.request.body)) return FakeDaemon::serve(d, m);
    if (!std::holds_alternative<message::Watch>(m.request.body)) return;
    d.answer(m, message::Refused{"no_such_future", "\"x\" has lapsed", {}, State::lapsed});
  });
  Client client(options());
  const auto future = client.future<int>("x");
  try {
    static_cast<void>(future.result(kPatience));
    FAIL("there is one");
  } catch (const NoSuchFuture& e) {
    CHECK(e.state() == State::lapsed);
    CHECK(std::string(e.what()) == "\"x\" has lapsed");
  }
  CHECK(future.state() == State::lapsed);
}

TEST_CASE_FIXTURE(Fixture, "a future by name learns its job's id and gets the outcome") {
  const JobId id = *JobId::parse("01900000-0000-7000-8000-000000000001");
  daemon.become([&](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (std::holds_alternative<message::Hello>(m.request.body)) return FakeDaemon::serve(d, m);
    if (!std::holds_alternative<message::Watch>(m.request.body)) return;
    d.answer(m, message::Known{id, State::running, false});
  });
  Client client(options());
  const auto future = client.future<std::string>("client-123-report");
  future.accepted(kPatience);
  CHECK(future.id() == id);
  CHECK(message_of<TimeoutError>([&] { return future.result(0ms); }) ==
        "the future \"client-123-report\" (job " + id.text() +
            ") has not ended within 0 ms; the job is left alone");
  const FakeDaemon::Message watch = daemon.wait_for<message::Watch>();
  CHECK(std::get<message::Watch>(watch.request.body).key.name == "client-123-report");
  daemon.answer(watch, succeeded(id), encoded(Value("the report")));
  CHECK(future.result(kPatience) == "the report");
}

TEST_CASE_FIXTURE(Fixture, "a future by id gets the outcome") {
  Client client(options());
  const JobId id = *JobId::parse("01900000-0000-7000-8000-000000000001");
  const auto future = client.future<std::string>(id);
  const FakeDaemon::Message watch = daemon.wait_for<message::Watch>();
  CHECK(std::get<message::Watch>(watch.request.body).key.id == id);
  daemon.answer(watch, message::Ended{id, State::cancelled, {}, {}});
  CHECK(message_of<CancelledError>([&] { return future.result(kPatience); }) ==
        "job " + id.text() + " was cancelled");
}

TEST_CASE_FIXTURE(Held, "running() and state() ask the daemon") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    const auto* watch = std::get_if<message::Watch>(&m.request.body);
    if (watch == nullptr || !watch->peek) return FakeDaemon::serve(d, m);
    d.answer(m, message::Known{watch->key.id, State::running, false});
  });
  CHECK(future.running());
  CHECK(future.state() == State::running);
  CHECK_FALSE(future.done());
}

}  // namespace
}  // namespace promised
