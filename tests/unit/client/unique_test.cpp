// SPDX-License-Identifier: Apache-2.0
// SEMANTICS Q8, S7: submissions that join a job of others, and lose it.
#include <doctest/doctest.h>

#include <promised/error.hpp>

#include "common/ids.hpp"
#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

/// A daemon that answers neither submissions nor watches by itself.
struct Silent : Fixture {
  Silent() {
    daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
      if (!std::holds_alternative<message::Submit>(m.request.body) &&
          !std::holds_alternative<message::Watch>(m.request.body))
        FakeDaemon::serve(d, m);
    });
  }
  /// The daemon goes and comes back; the future asks for the job that it has joined, which is `state`.
  void lose(State state) {
    restart();
    const FakeDaemon::Message watch = daemon.wait_for<message::Watch>();
    CHECK(std::get<message::Watch>(watch.request.body).key.id == holder);
    daemon.answer(watch, message::Refused{"no_such_future", "it is gone", {}, state});
  }
  void restart() {
    daemon.stop();
    daemon.forget_record();
    daemon.start();
  }
  Future<std::string> join(Client& client, const Options& options) {
    auto future = client.submit<std::string>(options, "f", "argument");
    submission = daemon.wait_for<message::Submit>();
    daemon.answer(submission, message::Known{holder, State::pending, false});
    future.accepted(kPatience);
    CHECK(future.id() == holder);
    return future;
  }

  const JobId holder = new_job_id();
  FakeDaemon::Message submission;
};

TEST_CASE_FIXTURE(
    Silent, "Q8 a submission whose joined job has ended without it is submitted anew, under its own id") {
  Client client(options());
  const auto future = join(client, Options().unique());
  const JobId own = submitted().id;
  lose(State::unknown);
  const FakeDaemon::Message anew = daemon.wait_for<message::Submit>();
  CHECK(std::get<message::Submit>(anew.request.body).id == own);
  CHECK(anew.payload == submission.payload);
  daemon.answer(anew, message::Accepted{{anew.request.number}});
  CHECK(eventually([&] { return future.id() == own; }));
  // It may have joined yet another job, which nobody but the daemon knows: the submission itself is repeated.
  restart();
  const FakeDaemon::Message again = daemon.wait_for<message::Submit>();
  CHECK(std::get<message::Submit>(again.request.body).id == own);
  CHECK(again.payload == submission.payload);
  daemon.answer(again, succeeded(own), encoded(Value("done")));
  CHECK(future.result(kPatience) == "done");
}

TEST_CASE_FIXTURE(Silent,
                  "Q8 a joined job that has lapsed or was forgotten is told of, and nothing runs again") {
  Client client(options());
  const auto future = join(client, Options().unique().remember("n"));
  lose(State::forgotten);
  CHECK_THROWS_AS((void)future.result(kPatience), NoSuchFuture);
  CHECK(daemon.received<message::Submit>().empty());
}

TEST_CASE_FIXTURE(Silent,
                  "Q8 A4 a submission that runs at most once is not repeated when its joined job is gone") {
  Client client(options());
  const auto future = join(client, Options().unique().at_most_once());
  lose(State::unknown);
  CHECK_THROWS_AS((void)future.result(kPatience), NoSuchFuture);
  CHECK(daemon.received<message::Submit>().empty());
}

TEST_CASE_FIXTURE(
    Silent, "R3 a submission that was attached to its name's holder is not repeated when that is gone") {
  Client client(options());
  const auto future = join(client, Options().remember("n", 60s, Duplicate::attach));
  lose(State::unknown);
  CHECK_THROWS_AS((void)future.result(kPatience), NoSuchFuture);
  CHECK(daemon.received<message::Submit>().empty());
}

}  // namespace
}  // namespace promised
