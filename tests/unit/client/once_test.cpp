// SPDX-License-Identifier: Apache-2.0
// SEMANTICS S2, A4: what is to run at most once and lives with its daemon alone is not given to two of them.
#include <doctest/doctest.h>
#include <promised/calls.hpp>

#include "common/ids.hpp"
#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

const Options kOnce = Options().at_most_once().durability(Durability::memory);
const std::string kCannotBeTold =
    ") failed (interrupted): it cannot be told whether it had begun: the daemon that it was submitted to has "
    "ended without having accepted it, and a job that runs at most once, with Durability::memory, is not "
    "submitted again";

/// Of which each connection is to the same one.
FakeDaemon::Script one_daemon(const FakeDaemon::Script& beside = FakeDaemon::serve) {
  return [beside, id = new_job_id()](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::Hello>(m.request.body)) return beside(d, m);
    message::Welcome welcome;
    welcome.daemon = id;
    d.answer(m, welcome);
  };
}

TEST_CASE_FIXTURE(
    Fixture, "S2 A4 a memory job at most once that was not accepted is not submitted to the next daemon") {
  Client client(options());
  const auto future = client.submit(kOnce, "silent");
  const auto whole = client.submit(serial(call("silent"), call(Options().at_most_once(), "silent"))
                                       .options(Options().durability(Durability::memory)));
  const auto repeatable = client.submit<int>(Options().durability(Durability::memory), "silent");
  const auto durable = client.submit<int>(Options().at_most_once(), "silent");
  static_cast<void>(daemon.wait_for<message::Submit>(3));
  static_cast<void>(daemon.wait_for<message::SubmitTree>());
  daemon.stop();
  daemon.forget_record();
  daemon.start();
  CHECK(message_of<JobFailed>([&] { return future.result(kPatience); }) ==
        "silent (job " + future.id().text() + kCannotBeTold);
  CHECK(future.failure()->cause == Cause::interrupted);
  CHECK(contains(message_of<JobFailed>([&] { return whole.value(kPatience); }), kCannotBeTold));
  CHECK(message_of<JobFailed>([&] {
          future.accepted(kPatience);
          return 0;
        }) == "silent (job " + future.id().text() + kCannotBeTold);
  for (std::size_t i : {1, 2}) {
    const FakeDaemon::Message again = daemon.wait_for<message::Submit>(i);
    CHECK(submit_of(again).id == (i == 1 ? repeatable.id() : durable.id()));
    daemon.answer(again, succeeded(submit_of(again).id), encoded(Value(std::int64_t{4})));
  }
  CHECK(repeatable.result(kPatience) == 4);
  CHECK(durable.result(kPatience) == 4);
  CHECK(daemon.received<message::SubmitTree>().empty());
}

TEST_CASE_FIXTURE(Fixture, "S2 a memory job at most once is submitted again to the daemon that has it") {
  daemon.become(one_daemon());
  Client client(options());
  const auto future = client.submit<int>(kOnce, "silent");
  static_cast<void>(daemon.wait_for<message::Submit>());
  daemon.stop();
  daemon.start();
  const FakeDaemon::Message again = daemon.wait_for<message::Submit>(2);
  CHECK(submit_of(again).id == future.id());
  daemon.answer(again, succeeded(future.id()), encoded(Value(std::int64_t{5})));
  CHECK(future.result(kPatience) == 5);
}

TEST_CASE_FIXTURE(Fixture,
                  "S2 S7 a memory job at most once that a stopping daemon did not take is for the next") {
  daemon.become(one_daemon([](FakeDaemon& d, const FakeDaemon::Message& m) {
    d.answer(m, message::Refused{"stopping", "the daemon is stopping", {}, State::unknown});
  }));
  Client client(options());
  const auto future = client.submit<int>(kOnce, "echo", 6);
  static_cast<void>(daemon.wait_for<message::Submit>());
  CHECK(eventually([&] {
    return contains(message_of<TimeoutError>([&] {
                      future.accepted(0ms);
                      return 0;
                    }),
                    "the daemon was stopping");
  }));
  daemon.stop();
  daemon.become(FakeDaemon::serve);
  daemon.start();
  CHECK(future.result(kPatience) == 6);
}

TEST_CASE_FIXTURE(Fixture,
                  "S1 of a memory job at most once that was lost and nobody asks for, the log tells") {
  Client client(options());
  const JobId id = client.submit(kOnce, "silent").id();
  static_cast<void>(daemon.wait_for<message::Submit>());
  daemon.stop();
  daemon.start();
  CHECK(eventually([&] {
    return log.has("silent (job " + id.text() + ") was not accepted, and nobody asked: it cannot be told");
  }));
  const std::vector<Unaccepted> left = client.close();
  REQUIRE(left.size() == 1);
  CHECK(left[0].id == id);
}

}  // namespace
}  // namespace promised
