// SPDX-License-Identifier: Apache-2.0
// Jobs that submit jobs, and wait for them (SEMANTICS C8).
#include <doctest/doctest.h>
#include <unistd.h>

#include <fstream>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

DaemonConfig family_config(int size = 1, const DaemonConfig::Lines& lines = {}) {
  DaemonConfig config;
  config.pool("family", FAMILY_WORKER, {{"size", std::to_string(size)}, {"kill_grace", "300ms"}});
  for (const auto& [key, value] : lines) config.set("pool.family", key, value);
  return config;
}

bool waits(const AnyFuture& future) {
  return eventually([&] { return future.state() == State::waiting; });
}

}  // namespace

TEST_CASE("C8 jobs that submit jobs and wait for them, ten levels deep, in a pool of one") {
  TestDaemon daemon(family_config());
  Client client = connect(daemon);
  CHECK(client.submit<std::int64_t>("generations", 10).result(5min) == 11);
  CHECK(client.submit<std::int64_t>("same", 7).result(kPatience) == 7);
  CHECK(pool_view(client, "family").crashes == 0);
}

TEST_CASE("C8 Q5 jobs that wait for jobs with their own key give it to them, and have it again afterwards") {
  TestDaemon daemon(family_config());
  Client client = connect(daemon);
  const Options one_by_one = Options().exclusive("family");
  const auto eldest = client.submit<std::int64_t>(one_by_one, "generations_one_by_one", 5);
  const auto other = client.submit<std::int64_t>(one_by_one, "generations_one_by_one", 0);
  CHECK(eldest.result(5min) == 6);
  CHECK(other.result(kPatience) == 1);
}

TEST_CASE("C8 a job waits for many at once, which run one by one meanwhile") {
  TestDaemon daemon(family_config());
  Client client = connect(daemon);
  CHECK(client.submit<std::int64_t>("sum", 100).result(5min) == 4950);
}

TEST_CASE("C8 a job goes on after its wait, however many short jobs workers hold ready meanwhile") {
  TestDaemon daemon(family_config(1, {{"prefetch", "32"}}));
  Client client = connect(daemon);
  const Options quickly = Options().durability(Durability::memory);
  for (int round = 0; round < 100; ++round)
    client.submit<void>(quickly, "wait_for_first", 30).result(kPatience);
}

TEST_CASE("C8 a circle of waits fails as deadlock, naming the circle, and the others go on") {
  TestDaemon daemon(family_config(2));
  Client client = connect(daemon);
  const auto first = client.submit<std::string>("wait_for_noted");
  const auto second = client.submit<std::string>("wait_for_noted");
  second.accepted(kPatience);
  CHECK(first.note("for", second.id().text()));
  REQUIRE(waits(first));
  CHECK(client.show(first.id()).waits_for == std::vector<JobId>{second.id()});
  CHECK(second.note("for", first.id().text()));
  const auto failure = second.failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::deadlock);
  CHECK(failure->message == "a circle of waits: job " + second.id().text() +
                                " (wait_for_noted) would wait for job " + first.id().text() +
                                " (wait_for_noted), which waits for job " + second.id().text() +
                                " (wait_for_noted)");
  CHECK(first.result(kPatience) == "waited");
  CHECK(client.submit<std::string>("wait_for_itself").result(kPatience) == "caught");
}

TEST_CASE("C8 a wait for a job that is not there fails with a message that says so") {
  TestDaemon daemon(family_config());
  Client client = connect(daemon);
  const std::string id = "01900000-0000-7000-8000-000000000001";
  const auto failure = client.submit("wait_for_id", id).failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->type == "promised::NoSuchFuture");
  CHECK(failure->message ==
        "there is no job " + id + " to wait for: it is gone, or was never there, or is another user's");
}

TEST_CASE("X1 C8 a job that waits can be cancelled, and its worker goes on") {
  TestDaemon daemon(family_config(2, {{"kill_grace", "1h"}}));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto child = client.submit<std::int64_t>("wait_for_gate", gate.string());
  child.accepted(kPatience);
  const auto parent = client.submit<std::string>("wait_for_id", child.id().text());
  REQUIRE(waits(parent));
  CHECK(parent.cancel());
  CHECK(thrown_by([&] { (void)parent.result(kPatience); }).starts_with("CancelledError: "));
  CHECK_FALSE(child.done());
  write_file(gate, "");
  CHECK(child.result(kPatience) == 1);
  CHECK(pool_view(client, "family").crashes == 0);
}

TEST_CASE("C8 A4 a job that waits when the daemon is killed runs again, and waits again") {
  TestDaemon daemon(family_config(2));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto child = client.submit<std::int64_t>("wait_for_gate", gate.string());
  child.accepted(kPatience);
  const auto parent = client.submit<std::string>("wait_for_id", child.id().text());
  parent.accepted(kPatience);
  REQUIRE(waits(parent));
  daemon.restart_after_kill();
  REQUIRE(waits(parent));
  write_file(gate, "");
  CHECK(parent.result(kPatience) == "waited");
}

TEST_CASE("C8 a user's job waits for the jobs that it submits, whose owner is the user that it runs as" *
          doctest::skip(::geteuid() != 0)) {
  TestDaemon daemon(family_config().for_everyone());
  daemon.directory().open_to_everyone();
  CHECK(in_other_process(
            [&] {
              Client client = connect(daemon);
              return std::to_string(client.submit<std::int64_t>("generations", 2).result(kPatience));
            },
            kStranger) == "3");
}

TEST_CASE("X1 C8 a job that is cancelled while it waits is told, whatever it waits for then") {
  TestDaemon daemon(family_config(1, {{"kill_grace", "1min"}}));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto noted = daemon.directory() / "noted";
  const auto parent = client.submit("wait_twice", gate.string(), noted.string());
  // The other has its place, and keeps it.
  REQUIRE(eventually([&] {
    const PoolView pool = pool_view(client, "family");
    return pool.waiting == 1 && pool.busy == 1;
  }));
  CHECK(parent.cancel());
  CHECK(thrown_by([&] { (void)parent.value(kPatience); }).starts_with("CancelledError: "));
  CHECK(read_file(noted) == "cancelled twice\n");
  CHECK(pool_view(client, "family").crashes == 0);
  CHECK(daemon.log().find("protocol") == std::string::npos);
  std::ofstream(gate).close();
}

TEST_CASE("C7 a job may return the future of another, whose outcome becomes its own") {
  TestDaemon daemon(family_config());
  Client client = connect(daemon);
  CHECK(client.submit<std::int64_t>("delegate", "same", 7).result(kPatience) == 7);
  CHECK(client.submit<std::int64_t>("delegate_late", "same", 8).result(kPatience) == 8);
  const auto failure = client.submit<std::int64_t>("delegate", "fail", 9).failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->message == "number 9");
  // None of them keeps a worker: max_waiting and processes do not bound the chain.
  CHECK(client.submit<std::int64_t>("descend", 200).result(5min) == 42);
  CHECK(pool_view(client, "family").crashes == 0);
}

TEST_CASE("C7 a job that has returned a future keeps no worker, and goes on over a restart") {
  TestDaemon daemon(family_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  // With a name, for it may have ended and been taken before the other asks for it.
  const auto last =
      client.submit<std::int64_t>(Options().remember("last", 1h), "wait_for_gate", gate.string());
  last.accepted(kPatience);
  const auto first =
      client.submit<std::int64_t>(Options().remember("first", 1h), "become_job", last.id().text());
  first.accepted(kPatience);
  // One worker alone: it would never come to `first` if that had to wait for it.
  daemon.restart_after_kill();
  CHECK(client.show(first.id()).state != State::succeeded);
  std::ofstream(gate).close();
  CHECK(first.result(kPatience) == 1);
}

TEST_CASE("C7 a job returns a future with a process for each job too") {
  TestDaemon daemon(family_config(1, {{"isolation", "job"}}));
  Client client = connect(daemon);
  CHECK(client.submit<std::int64_t>("delegate", "same", 7).result(kPatience) == 7);
}
