// SPDX-License-Identifier: Apache-2.0
// Cancelling a running job, in stages (SEMANTICS X), and the limits of time that stop one likewise (T3).
#include <doctest/doctest.h>

#include <csignal>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

TEST_CASE("X1 a job that sees that it is cancelled stops by itself, and its worker goes on") {
  TestDaemon daemon(story_config(1, {{"kill_grace", "1h"}}));
  Client client = connect(daemon);
  for (const bool throws : {false, true}) {
    const auto tally = daemon.directory() / (throws ? "thrown" : "returned");
    const auto job = client.submit<std::int64_t>("run_until_cancelled", tally.string(), throws);
    REQUIRE(eventually([&] { return lines_in(tally) == 1; }));
    const pid_t worker = client.show(job.id()).worker_pid;
    CHECK(job.cancel(CancelOptions().reason("changed my mind")));
    const std::string thrown = thrown_by([&] { (void)job.result(kPatience); });
    CHECK(thrown.starts_with("CancelledError: "));
    CHECK(thrown.find(": cancelled by user " + std::to_string(::getuid()) + " (system_tests, pid " +
                      std::to_string(::getpid()) + "): changed my mind") != std::string::npos);
    CHECK(job.cancelled());
    CHECK(lines_in(tally) == 2);
    CHECK(::kill(worker, 0) == 0);
    CHECK_FALSE(job.cancel());
  }
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
  CHECK(pool_view(client, "story").crashes == 0);
}

TEST_CASE(
    "X1 a job that sleeps in poll is woken by what it waits for, and by its cancelling; by nothing else") {
  for (const char* isolation : {"worker", "job"}) {
    CAPTURE(isolation);
    TestDaemon daemon(story_config(1, {{"kill_grace", "1h"}, {"isolation", isolation}}));
    Client client = connect(daemon);
    const auto job = client.submit("sleep_until_cancelled");
    REQUIRE(eventually([&] { return job.note<bool>("event").has_value(); }));
    // What else comes on the channel of its worker.
    const auto behind = client.submit<std::int64_t>("add", 1, 1);
    job.note("mine", 1);
    CHECK(job.cancel());
    CHECK(thrown_by([&] { (void)job.value(kPatience); }).starts_with("CancelledError: "));
    for (const char* what : {"limit", "event", "cancel"}) {
      CAPTURE(what);
      CHECK(job.note<bool>(what) == true);
    }
    CHECK(behind.result(kPatience) == 2);
    CHECK(pool_view(client, "story").crashes == 0);
  }
}

TEST_CASE(
    "X1 a job that ignores all but SIGKILL gets it after two graces, and a second cancel changes nothing") {
  TestDaemon daemon(story_config(1, {{"kill_grace", "1s"}}));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto job = client.submit<std::int64_t>("ignore_sigterm", gate.string());
  REQUIRE(eventually([&] { return job.note<bool>("ready") == true; }));
  const auto began = std::chrono::steady_clock::now();
  CHECK(job.cancel(CancelOptions().reason("first")));
  CHECK(job.cancel(CancelOptions().reason("second")));
  const std::string thrown = thrown_by([&] { (void)job.result(kPatience); });
  CHECK(std::chrono::steady_clock::now() - began >= 2s);
  CHECK(thrown.ends_with("): first"));
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
}

TEST_CASE("X1 cancel now takes no account of the grace, also of one that has begun") {
  TestDaemon daemon(story_config(1, {{"kill_grace", "1h"}}));
  Client client = connect(daemon);
  for (const bool asked_before : {false, true}) {
    const auto job = client.submit<std::int64_t>("ignore_sigterm", (daemon.directory() / "never").string());
    REQUIRE(eventually([&] { return job.note<bool>("ready") == true; }));
    if (asked_before) CHECK(job.cancel());
    CHECK(job.cancel(CancelOptions().now()));
    CHECK(thrown_by([&] { (void)job.result(kPatience); }).starts_with("CancelledError: "));
  }
}

TEST_CASE("X1 who cancelled a job, and why, is kept over a restart") {
  TestDaemon daemon(story_config(1));
  {
    Client client = connect(daemon);
    const auto gate = daemon.directory() / "gate";
    const auto job = client.submit<std::int64_t>(Options().remember("job", 60s), "wait_for", gate.string());
    REQUIRE(eventually([&] { return job.running(); }));
    CHECK(job.cancel(CancelOptions().now().reason("wrong gate")));
    CHECK(thrown_by([&] { (void)job.result(kPatience); }).ends_with("): wrong gate"));
  }
  daemon.restart_after_kill();
  CHECK(connect(daemon).show(JobKey("job")).reason.ends_with("): wrong gate"));
}

TEST_CASE("T3 a job that falls silent is stopped after progress_timeout, and the outcome names it") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto busy = daemon.directory() / "busy";
  write_file(busy, "");
  const auto job = client.submit(Options().progress_timeout(2s), "report_while", busy.string(),
                                 (daemon.directory() / "never").string());
  REQUIRE(eventually([&] { return job.running(); }));
  CHECK_FALSE(job.wait(3s));
  std::filesystem::remove(busy);
  const auto failure = job.failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::timed_out);
  CHECK(failure->limit == "progress_timeout");
  CHECK(failure->ran >= 3s);
}

TEST_CASE("T3 a deadline counts from the submission, in the queue and running, and over a restart") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto never = (daemon.directory() / "never").string();
  const auto running = client.submit(Options().deadline(4s), "wait_for", never);
  const auto queued = client.submit(Options().deadline(4s), "wait_for", never);
  queued.accepted(kPatience);
  REQUIRE(eventually([&] { return running.running(); }));
  daemon.restart_after_kill();
  for (const auto& job : {running, queued}) {
    const auto failure = job.failure(kPatience);
    REQUIRE(failure);
    CHECK(failure->cause == Cause::timed_out);
    CHECK(failure->limit == "deadline");
  }
}
