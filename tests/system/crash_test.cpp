// SPDX-License-Identifier: Apache-2.0
// Jobs that harm their own process, and what their neighbours notice: nothing.
#include <doctest/doctest.h>

#include <csignal>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

TEST_CASE("a worker that segfaults fails its own job alone, with cause and signal and last words") {
  TestDaemon daemon(story_config(2, {{"prefetch", "8"}}));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto tally = daemon.directory() / "tally";
  const auto neighbour = client.submit<std::int64_t>("wait_for", gate.string());
  REQUIRE(eventually([&] { return neighbour.running(); }));
  // The other worker gets the crash with others behind it in its channel.
  const auto crash = client.submit("raise", SIGSEGV);
  std::vector<Future<std::int64_t>> behind;
  for (int i = 0; i < 8; ++i) behind.push_back(client.submit<std::int64_t>("tally", tally.string()));

  const auto failure = crash.failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::crashed);
  CHECK(failure->signal == SIGSEGV);
  CHECK(failure->output == "last words\n");
  CHECK(failure->attempt == 1);
  CHECK_FALSE(neighbour.done());
  write_file(gate, "");
  CHECK(neighbour.result(kPatience) > 0);
  for (const auto& future : behind) CHECK(future.result(kPatience) > 0);
  CHECK(lines_in(tally) == 8);

  CHECK(eventually([&] { return pool_view(client, "story").workers == 2; }));
  const PoolView pool = pool_view(client, "story");
  CHECK(pool.crashes == 1);
  CHECK(pool.state == "ready");
}

TEST_CASE("a worker that exits in the middle of a job fails it with the exit code") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  for (const int code : {0, 7}) {
    const auto failure = client.submit("leave", code).failure(kPatience);
    REQUIRE(failure);
    CHECK(failure->cause == Cause::exited);
    CHECK(failure->exit_code == code);
  }
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
}

#ifndef PROMISED_SANITIZED  // whose handlers tell of it in their own way
TEST_CASE("a crash is told with its backtrace: by the failure, what it throws, and in what is kept of it") {
  TestDaemon daemon(story_config(1));
  const auto names_the_place = [](const std::string& backtrace) {
    CAPTURE(backtrace);
    CHECK(backtrace.starts_with("#0 "));
    CHECK(backtrace.substr(0, backtrace.find('\n')).find("segfault at story_worker.cpp:") !=
          std::string::npos);
  };
  {
    Client client = connect(daemon);
    auto crash = client.submit("segfault");
    crash.remember("crash", 10min);
    const auto failure = crash.failure(kPatience);
    REQUIRE(failure);
    CHECK(failure->cause == Cause::crashed);
    names_the_place(failure->backtrace);
    const std::string thrown = thrown_by([&] { (void)crash.value(kPatience); });
    CHECK(thrown.find("\nbacktrace:\n" + failure->backtrace) != std::string::npos);
  }
  daemon.restart_after_kill();
  Client client = connect(daemon);
  names_the_place(client.show(JobKey("crash")).failure.backtrace);
}
#endif

#ifndef PROMISED_SANITIZED  // whose shadow memory is larger than any sensible limit of address space
TEST_CASE("I3 a job that exceeds the pool's memory limit fails with the cause memory") {
  TestDaemon daemon(story_config(1, {{"memory_limit", "512MiB"}}));
  Client client = connect(daemon);
  const auto failure = client.submit("allocate", 4096).failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::memory);
  CHECK(client.submit<std::int64_t>("allocate", 1).result(kPatience) == 1 << 20);
}
#endif

TEST_CASE("I4 what a job leaves running is gone when the job has ended, and its worker is there") {
  for (const char* isolation : {"worker", "job"}) {
    CAPTURE(isolation);
    TestDaemon daemon(story_config(1, {{"isolation", isolation}}));
    Client client = connect(daemon);
    const auto child = client.submit<pid_t>("leave_a_child").result(kPatience);
    CHECK(::kill(child, 0) != 0);
    CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
    CHECK(pool_view(client, "story").crashes == 0);
  }
}

TEST_CASE(
    "I1 with isolation = job a crash costs the job's process, and the worker goes on as it was set up") {
  TestDaemon daemon(story_config(1, {{"isolation", "job"}}));
  Client client = connect(daemon);
  CHECK(pool_view(client, "story").isolation == Isolation::job);
  const auto first = client.submit<std::int64_t>("worker_of").result(kPatience);
  const auto failure = client.submit("raise", SIGKILL).failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::crashed);
  CHECK(failure->signal == SIGKILL);
  CHECK(failure->output == "last words\n");
  CHECK(failure->attempt == 1);
  CHECK(failure->message.starts_with("the process of the job was killed by signal 9 (Killed) after "));
  CHECK(failure->peak_memory > 0);
  const auto left = client.submit("leave", 7).failure(kPatience);
  REQUIRE(left);
  CHECK(left->cause == Cause::exited);
  CHECK(left->exit_code == 7);
  CHECK(client.submit<std::int64_t>("worker_of").result(kPatience) == first);
  CHECK(pool_view(client, "story").crashes == 2);
}

TEST_CASE("T3 with isolation = job a job that runs for too long or is cancelled ends alone") {
  TestDaemon daemon(story_config(1, {{"isolation", "job"}, {"kill_grace", "2s"}}));
  Client client = connect(daemon);
  const auto first = client.submit<std::int64_t>("worker_of").result(kPatience);
  const auto late = client.submit(Options{}.run_timeout(2s), "spin").failure(kPatience);
  REQUIRE(late);
  CHECK(late->cause == Cause::timed_out);
  CHECK(late->limit == "run_timeout");
  auto cancelled = client.submit("spin");
  REQUIRE(eventually([&] { return cancelled.running(); }));
  CHECK(cancelled.cancel());
  CHECK(eventually([&] { return cancelled.cancelled(); }));
  CHECK(client.submit<std::int64_t>("worker_of").result(kPatience) == first);
  CHECK(pool_view(client, "story").crashes == 0);
}

TEST_CASE("a result that is larger than max_result fails its job and names the limit") {
  TestDaemon daemon(story_config(1).limit("max_result", "100KiB"));
  Client client = connect(daemon);
  const auto failure = client.submit("large", 200'000).failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::result_too_large);
  CHECK(failure->message.find("max_result") != std::string::npos);
  CHECK(client.submit<std::string>("large", 50'000).result(kPatience).size() == 50'000);
}

TEST_CASE("many crashes at once end each in its own outcome, and the pool refills") {
  TestDaemon daemon(story_config(2));
  Client client = connect(daemon);
  std::vector<AnyFuture> crashes;
  std::vector<Future<std::int64_t>> good;
  for (int i = 0; i < 10; ++i) {
    crashes.push_back(client.submit("raise", SIGABRT));
    good.push_back(client.submit<std::int64_t>("add", i, i));
  }
  for (const auto& future : crashes) {
    const auto failure = future.failure(5min);
    REQUIRE(failure);
    CHECK(failure->cause == Cause::crashed);
    CHECK(failure->signal == SIGABRT);
  }
  for (int i = 0; i < 10; ++i) CHECK(good[static_cast<std::size_t>(i)].result(5min) == 2 * i);
  CHECK(eventually([&] { return pool_view(client, "story").crashes == 10; }));
}
