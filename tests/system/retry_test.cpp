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

TEST_CASE("A1 a failure is tried again as often as the job says, unless it is permanent") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto tried = Options().retries(2).backoff(Backoff::fixed(1ms));
  CHECK(client.submit<std::int64_t>(tried, "fail_until", 3, "").result(kPatience) == 3);
  CHECK(client.submit<std::int64_t>(Options().retries(1), "fail_until", 2, "now").result(kPatience) == 2);
  const auto failure = client.submit(tried, "fail_until", 9, "").failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->message == "attempt 3");
  CHECK(failure->attempt == 3);
  const auto permanent = client.submit(tried, "fail_until", 9, "permanent").failure(kPatience);
  REQUIRE(permanent);
  CHECK(permanent->attempt == 1);
  CHECK(permanent->type == "promised::Permanent");
  CHECK(permanent->permanent);
}

TEST_CASE("A6 the pause before an attempt, and what failed before it, survive the daemon") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto job = client.submit(Options().retries(2).remember("later", 60s), "fail_until", 9, "later");
  const auto pauses = [&](Client& by) {
    const JobView view = by.show(JobKey("later"));
    return view.state == State::pending && view.attempts == 1 && view.due != WallClock() &&
           view.last_failure.message == "in an hour";
  };
  REQUIRE(eventually([&] { return pauses(client); }));
  const WallClock due = client.show(JobKey("later")).due;
  CHECK(due > std::chrono::system_clock::now() + 50min);
  // What has been told of it is on disk once something later is.
  client.submit<std::int64_t>(Options().remember("later still", 60s), "add", 1, 1).accepted(kPatience);
  daemon.restart_after_kill();
  Client after = connect(daemon);
  CHECK(pauses(after));
  const WallClock still = after.show(JobKey("later")).due;
  CHECK(still > due - 5s);
  CHECK(still < due + 5s);
  CHECK(after.cancel(JobKey("later")));
  CHECK(thrown_by([&] { (void)job.result(kPatience); }).starts_with("CancelledError: "));
}

TEST_CASE("M4 a quarantined job runs again, over a restart, with arguments of any size") {
  TestDaemon daemon(story_config(1).limit("max_crashes", "1"));
  const auto mended = daemon.directory() / "mended";
  const std::string large(100'000, 'x');
  {
    Client client = connect(daemon);
    const Options options = Options().retry_on(Retry::crash).remember("bad", 60s);
    const auto failure = client.submit(options, "crash_unless", mended.string(), large).failure(kPatience);
    REQUIRE(failure);
    CHECK(failure->cause == Cause::quarantined);
    CHECK(client.retry(JobKey("bad"), kPatience));
    CHECK(client.future("bad").failure(kPatience)->attempt == 2);
  }
  daemon.restart_after_kill();
  write_file(mended, "");
  Client client = connect(daemon);
  CHECK(client.retry(JobKey("bad"), kPatience));
  CHECK(client.future<std::string>("bad").result(kPatience) == large);
  CHECK(client.show(JobKey("bad")).attempts == 3);
  CHECK_FALSE(client.retry(JobKey("bad"), kPatience));
}

TEST_CASE("M4 that a job is to run again survives the daemon") {
  TestDaemon daemon(story_config(1));
  const auto gate = daemon.directory() / "gate";
  Client client = connect(daemon);
  const auto blocker = client.submit<std::int64_t>("wait_for", gate.string());
  const auto late = client.submit(Options().remember("late", 60s).deadline(50ms), "add", 20, 22);
  CHECK(late.failure(kPatience)->limit == "deadline");
  CHECK(client.retry(JobKey("late"), kPatience));
  daemon.restart_after_kill();
  write_file(gate, "");
  CHECK(connect(daemon).future<std::int64_t>("late").result(kPatience) == 42);
  CHECK(blocker.result(kPatience) > 0);
}

TEST_CASE("Q8 equal unique submissions run once, over a restart too") {
  TestDaemon daemon(story_config(1));
  const auto gate = daemon.directory() / "gate";
  const auto tally = daemon.directory() / "tally";
  Client client = connect(daemon), other = connect(daemon);
  const auto blocker = client.submit<std::int64_t>("wait_for", gate.string());
  blocker.accepted(kPatience);  // so that it is before the others after the restart too
  const Options unique = Options().unique();
  const auto first = client.submit<std::int64_t>(unique, "tally", tally.string());
  const auto second = other.submit<std::int64_t>(unique, "tally", tally.string());
  first.accepted(kPatience);
  second.accepted(kPatience);
  CHECK(second.id() == first.id());
  daemon.restart_after_kill();
  Client third = connect(daemon);
  const auto again = third.submit<std::int64_t>(unique, "tally", tally.string());
  again.accepted(kPatience);
  CHECK(again.id() == first.id());
  // Both are back: their answers are behind what they had asked before.
  for (const auto* future : {&first, &second}) CHECK(future->state() == State::pending);
  write_file(gate, "");
  for (const auto* future : {&first, &second, &again}) (void)future->result(kPatience);
  CHECK(blocker.result(kPatience) > 0);
  CHECK(lines_in(tally) == 1);
}

TEST_CASE(
    "Q8 S7 a submission that has joined a job comes to an outcome, also if it was away when that was told") {
  TestDaemon daemon(story_config(1).limit("keep_unfetched", "1s"));
  const auto gate = daemon.directory() / "gate";
  const auto tally = daemon.directory() / "tally";
  const auto detour = daemon.directory() / "detour.sock";
  std::filesystem::create_symlink(daemon.socket_path(), detour);
  Client client = connect(daemon);
  ClientOptions options;
  options.endpoint = "ipc://" + detour.string();
  options.connect_timeout = kPatience;
  Client other(options);
  const auto first =
      client.submit<std::int64_t>(Options().unique(), "tally_and_wait", tally.string(), gate.string());
  first.accepted(kPatience);
  const auto second =
      other.submit<std::int64_t>(Options().unique(), "tally_and_wait", tally.string(), gate.string());
  second.accepted(kPatience);
  CHECK(second.id() == first.id());
  REQUIRE(std::filesystem::remove(detour));
  daemon.restart_after_kill();
  // What is answered to this client comes after what it has asked about `first` again.
  REQUIRE(eventually([&] { return client.show(first.id(), kPatience).state == State::running; }));
  write_file(gate, "");
  CHECK(first.result(kPatience) > 0);
  // Its own submitter has it, so that it is not kept for others for long.
  REQUIRE(eventually(
      [&] { return thrown_by([&] { (void)client.show(first.id()); }).starts_with("NoSuchFuture"); }));
  std::filesystem::create_symlink(daemon.socket_path(), detour);
  CHECK(second.result(kPatience) > 0);
  CHECK(second.id() != first.id());
}
