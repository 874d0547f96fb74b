// SPDX-License-Identifier: Apache-2.0
// Callbacks and composites, from the library to the worker (SEMANTICS C1 to C6).
#include <doctest/doctest.h>

#include <fstream>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

void open_gate(const std::filesystem::path& gate) {
  std::ofstream(gate).close();
}

}  // namespace

TEST_CASE("C1 callbacks get the outcome of what they follow, before its end, after it, and when it is gone") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto job = client.submit<std::int64_t>("wait_for", gate.string());
  const auto success = job.on_success<std::string>(call("tell", "mother"));
  const auto failure = job.on_failure<std::string>(call("tell", "father"));
  const auto behind = success.on_done<std::string>(call("echo"));
  success.accepted(kPatience);
  CHECK(success.state() == State::waiting);
  const JobView view = client.show(success.id());
  CHECK(view.parent == job.id());
  CHECK(view.follows == Follows::success);
  REQUIRE(client.show(job.id()).related.size() == 2);
  open_gate(gate);
  const std::string pid = std::to_string(job.result(kPatience));
  CHECK(success.result(kPatience) == "mother: wait_for has succeeded with " + pid);
  CHECK_THROWS_AS(failure.result(kPatience), CancelledError);
  CHECK_FALSE(behind.failure(kPatience));
  // Its outcome has arrived here, and the daemon may have it no more: the callback gets it all the same.
  CHECK(job.on_done<std::string>(call("tell", "sister")).result(kPatience) ==
        "sister: wait_for has succeeded with " + pid);
  CHECK(eventually([&] {
    try {
      return client.show(job.id()).state == State::unknown;
    } catch (const NoSuchFuture&) {
      return true;
    }
  }));
  CHECK(job.on_success<std::string>(call("tell", "aunt")).result(kPatience) ==
        "aunt: wait_for has succeeded with " + pid);
  CHECK_THROWS_AS(job.on_failure(call("tell", "uncle")).result(kPatience), CancelledError);
  CHECK(thrown_by([&] {
          (void)client.future(JobId(job.id())).on_done(call("tell", "me")).value(kPatience);
        }).find("NoSuchFuture") == 0);
}

TEST_CASE("C2 a failing callback changes nothing for the others") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto job = client.submit<std::int64_t>(Options().remember("n", 1h), "fail", "no paper");
  const auto bad = job.on_failure(call("fail", 1));
  const auto good = job.on_failure<std::string>(call("tell", "all"));
  CHECK(good.result(kPatience) == "all: fail has failed: no paper");
  CHECK(bad.failure(kPatience)->cause == Cause::bad_arguments);
  CHECK(job.failure(kPatience)->message == "no paper");
}

TEST_CASE("C1 callbacks are as durable as their parent: over a kill, and with its end") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto job = client.submit<std::int64_t>("wait_for", gate.string());
  const auto callback = job.on_success<std::string>(call("tell", "you"));
  callback.accepted(kPatience);
  daemon.restart_after_kill();
  CHECK(callback.state() == State::waiting);
  open_gate(gate);
  CHECK(callback.result(kPatience).find("you: wait_for has succeeded with ") == 0);
}

TEST_CASE("C4 one job of many: nested, in order, with a last word") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto list =
      client
          .submit<std::vector<Outcome>>(serial(
              call("add", 1, 2), parallel(call("add", 3, 4), call("fail", "five")), call("echo", "six")))
          .result(kPatience);
  REQUIRE(list.size() == 3);
  CHECK(list[0].result<int>() == 3);
  const auto inner = list[1].result<std::vector<Outcome>>();
  REQUIRE(inner.size() == 2);
  CHECK(inner[0].result<int>() == 7);
  CHECK(inner[1].failure.message == "five");
  CHECK(list[2].result<std::string>() == "six");
  auto all = parallel(call("add", 1, 1), call("add", 2, 2)).then(call("tell_all"));
  CHECK(client.submit<std::string>(all).result(kPatience) == "succeeded with 2; succeeded with 4");
  CHECK(client.submit<std::string>(all.options(Options().remember("twice", 1h))).result(kPatience) ==
        "succeeded with 2; succeeded with 4");
  CHECK(client.future<std::string>("twice").result(kPatience) == "succeeded with 2; succeeded with 4");
  CHECK(client.submit<std::vector<Outcome>>(parallel()).result(kPatience).empty());
  CHECK(client.submit<std::int64_t>(call("add", 5, 6)).result(kPatience) == 11);
}

TEST_CASE("C5 a composite that stops says which member did not succeed") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto tally = daemon.directory() / "tally";
  const auto job = client.submit(
      serial(call("fail", "first"), call("tally", tally.string())).on_member_failure(MemberFailure::stop));
  const auto failure = job.failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::member_failed);
  CHECK(failure->message.find("member 1 of 2 (job ") == 0);
  CHECK(failure->message.find(", fail) has ended as failed: first") != std::string::npos);
  CHECK(lines_in(tally) == 0);
}

TEST_CASE("C6 cancelling a composite stops what runs of it") {
  TestDaemon daemon(story_config(2, {{"kill_grace", "200ms"}}));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto job = client.submit(
      serial(parallel(call("wait_for", gate.string()), call("wait_for", gate.string())), call("add", 1, 2)));
  REQUIRE(eventually([&] { return pool_view(client, "story").busy == 2; }));
  CHECK(job.cancel(CancelOptions().reason("enough")));
  CHECK(thrown_by([&] { (void)job.value(kPatience); }).find("enough") != std::string::npos);
  CHECK(eventually([&] { return pool_view(client, "story").busy == 0; }));
}

TEST_CASE("C4 a composite goes on after the daemon was killed between its members") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto job =
      client.submit<std::string>(Options().remember("n", 1h), "echo", "x");  // something before it
  job.wait(kPatience);
  const auto tree = client.submit<std::vector<Outcome>>(
      serial(call("large", 100'000), call("wait_for", gate.string()), call("add", 1, 2)));
  REQUIRE(eventually(
      [&] { return pool_view(client, "story").busy == 1 && client.show(tree.id()).waits_for.size() == 2; }));
  daemon.restart_after_kill();
  CHECK(tree.state() == State::waiting);
  open_gate(gate);
  const auto list = tree.result(kPatience);
  REQUIRE(list.size() == 3);
  CHECK(list[0].result<std::string>().size() == 100'000);
  CHECK(list[1].succeeded());
  CHECK(list[2].result<int>() == 3);
}

TEST_CASE("C4 a composite with a function that nobody offers is refused whole") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto tally = daemon.directory() / "tally";
  const auto job = client.submit(serial(call("tally", tally.string()), call("tallx")));
  CHECK(thrown_by([&] { (void)job.value(kPatience); }).find("tally") != std::string::npos);
  CHECK(client.jobs().jobs.empty());
  CHECK(thrown_by([&] { (void)client.submit("add", 1, 2).on_done(serial()); }) ==
        "exception: only a call can follow another job, not a composite: submit that from the function that "
        "follows");
}
