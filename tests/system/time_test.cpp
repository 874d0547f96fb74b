// SPDX-License-Identifier: Apache-2.0
// Limits of time, and cancelling.
#include <doctest/doctest.h>

#include <csignal>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

TEST_CASE("T1 a job that waits longer than its timeout expires and never runs") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto tally = daemon.directory() / "tally";
  const auto blocker = client.submit<std::int64_t>("wait_for", gate.string());
  const auto late = client.submit<std::int64_t>(Options().timeout(100ms), "tally", tally.string());
  const auto renewed = client.submit<std::int64_t>("tally", tally.string());
  renewed.timeout(100ms);
  CHECK(thrown_by([&] { (void)late.result(kPatience); }).starts_with("ExpiredError: "));
  CHECK(thrown_by([&] { (void)renewed.result(kPatience); }).starts_with("ExpiredError: "));
  CHECK(late.state() == State::expired);
  write_file(gate, "");
  CHECK(blocker.result(kPatience) > 0);
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
  CHECK(lines_in(tally) == 0);
}

TEST_CASE("T3 a job that runs longer than its run_timeout is killed, and the outcome names the limit") {
  TestDaemon daemon(story_config(2, {{"run_timeout", "1h"}}));
  Client client = connect(daemon);
  const auto own = client.submit(Options().run_timeout(100ms), "spin");
  const auto failure = own.failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::timed_out);
  CHECK(failure->limit == "run_timeout");
  CHECK(failure->ran >= 100ms);
  CHECK(eventually([&] { return pool_view(client, "story").workers == 2; }));
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
}

TEST_CASE("T3 the pool's run_timeout holds where the job has none") {
  TestDaemon daemon(story_config(1, {{"run_timeout", "100ms"}}));
  Client client = connect(daemon);
  const auto failure = client.submit("spin").failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::timed_out);
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
}

TEST_CASE("X1 a queued job is cancelled at once and never runs") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto tally = daemon.directory() / "tally";
  const auto blocker = client.submit<std::int64_t>("wait_for", gate.string());
  const auto queued = client.submit<std::int64_t>("tally", tally.string());
  queued.accepted(kPatience);
  CHECK(queued.cancel());
  CHECK(thrown_by([&] { (void)queued.result(kPatience); }).starts_with("CancelledError: "));
  CHECK_FALSE(blocker.done());
  write_file(gate, "");
  CHECK(blocker.result(kPatience) > 0);
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
  CHECK(lines_in(tally) == 0);
}

TEST_CASE("X1 a running job is cancelled when its run has really stopped") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto tally = daemon.directory() / "tally";
  const auto running = client.submit<std::int64_t>("tally_and_wait", tally.string(), gate.string());
  REQUIRE(eventually([&] { return lines_in(tally) == 1; }));
  const pid_t worker = client.show(running.id()).worker_pid;
  REQUIRE(worker > 0);
  CHECK(running.cancel());
  CHECK(thrown_by([&] { (void)running.result(kPatience); }).starts_with("CancelledError: "));
  CHECK_MESSAGE(::kill(worker, 0) != 0, "cancelled, but its worker still runs");
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
}

TEST_CASE("X2 cancelling a job that has ended changes nothing and says so") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto done = client.submit<std::int64_t>(Options().remember("done", 60s), "add", 1, 1);
  CHECK(done.result(kPatience) == 2);
  CHECK_FALSE(client.cancel("done"));
  CHECK(client.future<std::int64_t>("done").result(kPatience) == 2);
}

TEST_CASE("T2 a job begins after its moment, and one that has not begun in time says so") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto before = std::chrono::steady_clock::now();
  CHECK(client.submit<std::int64_t>(Options().delay(150ms), "add", 1, 1).result(kPatience) == 2);
  CHECK(std::chrono::steady_clock::now() - before >= 150ms);
  const auto moment = std::chrono::system_clock::now() + 150ms;
  CHECK(client.submit<std::int64_t>(Options().begin_after(moment), "add", 1, 1).result(kPatience) == 2);
  CHECK(std::chrono::system_clock::now() >= moment);
  const auto blocker = client.submit<std::int64_t>("wait_for", gate.string());
  const auto late = client.submit(Options().begin_by(50ms), "add", 1, 1);
  CHECK(thrown_by([&] { (void)late.result(kPatience); }) ==
        "ExpiredError: add (job " + late.id().text() +
            ") expired: it had not begun within its begin_by (50 ms)");
  write_file(gate, "");
  CHECK(blocker.result(kPatience) > 0);
}

TEST_CASE("T4 scheduled jobs survive the daemon") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto soon = client.submit<std::int64_t>(Options().delay(500ms), "add", 1, 1);
  const auto later = client.submit(Options().begin_after(std::chrono::system_clock::now() + 1h), "add", 1, 1);
  soon.accepted(kPatience);
  later.accepted(kPatience);
  const JobView before = client.show(later.id());
  daemon.restart_after_kill();
  CHECK(soon.result(kPatience) == 2);
  const JobView after = connect(daemon).show(later.id());
  CHECK(after.state == State::scheduled);
  CHECK(after.due == before.due);
  CHECK(client.cancel(later.id()));
}
