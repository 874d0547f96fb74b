// SPDX-License-Identifier: Apache-2.0
// Crashes that are tried again, and quarantine (SEMANTICS A2, A3).
#include <doctest/doctest.h>

#include <csignal>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

TEST_CASE("A3 a job that asks for it survives crashes of its workers, each in a new attempt") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  CHECK(client.submit<std::int64_t>(Options().retry_on(Retry::crash), "crash_until", 3).result(kPatience) ==
        3);
  CHECK(pool_view(client, "story").crashes == 2);
  const auto failure = client.submit("crash_until", 2).failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::crashed);
  CHECK(failure->attempt == 1);
}

TEST_CASE("A3 a job that keeps killing its worker is quarantined, and stays so over a restart") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto job =
      client.submit<std::int64_t>(Options().retry_on(Retry::crash).remember("bad", 60s), "raise", SIGABRT);
  const auto failure = job.failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::quarantined);
  CHECK(failure->signal == SIGABRT);
  CHECK(failure->attempt == 3);
  CHECK(failure->output == "last words\n");
  CHECK(failure->message.starts_with(
      "its worker crashed 3 times, as often as max_crashes allows; the last time: the worker was killed by "
      "signal 6 (Aborted) after "));
  daemon.restart_after_kill();
  const JobView view = connect(daemon).show(JobKey("bad"));
  CHECK(view.crashes == 3);
  CHECK(view.failure.cause == Cause::quarantined);
}

TEST_CASE("A3 the count of crashes and the last failure survive the daemon, which may be killed meanwhile") {
  TestDaemon daemon(story_config(1).limit("max_crashes", "2"));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto job = client.submit(Options().retry_on(Retry::crash).remember("bad", 60s), "crash_twice",
                                 gate.string(), SIGSEGV);
  const auto tried_again = [&] {
    const JobView view = client.show(JobKey("bad"));
    return view.state == State::running && view.crashes == 1 && view.attempts == 2 &&
           view.last_failure.signal == SIGSEGV;
  };
  REQUIRE(eventually([&] { return tried_again(); }));
  // What has been told of it is on disk once something later is.
  client.submit<std::int64_t>("add", 1, 1).accepted(kPatience);
  daemon.restart_after_kill();
  CHECK(eventually([&] { return tried_again(); }));
  write_file(gate, "");
  const auto failure = job.failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::quarantined);
  CHECK(failure->attempt == 2);
  CHECK(failure->message.starts_with("its worker crashed 2 times"));
}
