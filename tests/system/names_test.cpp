// SPDX-License-Identifier: Apache-2.0
// Futures under names, across processes and restarts.
#include <doctest/doctest.h>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

TEST_CASE("R1 a named result outlives the process that submitted it") {
  TestDaemon daemon(story_config());
  const std::string submitted = in_other_process([&] {
    Client client = connect(daemon);
    client.submit<std::int64_t>("add", 40, 2).remember("answer", 60s);
    return std::string("submitted");
  });
  CHECK(submitted == "submitted");
  const std::string fetched = in_other_process([&] {
    Client client = connect(daemon);
    return std::to_string(client.future<std::int64_t>("answer").result(kPatience));
  });
  CHECK(fetched == "42");
}

TEST_CASE("S6 a job goes on when its submitter has gone") {
  TestDaemon daemon(story_config());
  const auto gate = daemon.directory() / "gate";
  const std::string submitted = in_other_process([&] {
    Client client = connect(daemon);
    client.submit<std::int64_t>("wait_for", gate.string()).remember("later", 60s);
    return std::string("submitted");
  });
  CHECK(submitted == "submitted");
  Client client = connect(daemon);
  const auto future = client.future<std::int64_t>("later");
  CHECK(eventually([&] { return future.running(); }));
  write_file(gate, "");
  CHECK(future.result(kPatience) > 0);
}

TEST_CASE("R2 a name can be said with the submission, later, and after the end") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  (void)client.submit<std::int64_t>(Options().remember("with", 60s), "add", 1, 1).result(kPatience);
  const auto after = client.submit<std::int64_t>("add", 2, 2);
  CHECK(after.result(kPatience) == 4);
  after.remember("after", 60s);
  Client other = connect(daemon);
  CHECK(other.future<std::int64_t>("with").result(kPatience) == 2);
  CHECK(other.future<std::int64_t>("after").result(kPatience) == 4);
}

TEST_CASE("R3 a taken name raises, and the error names the holder") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto holder =
      client.submit<std::int64_t>(Options().remember("report", 60s), "wait_for", gate.string());
  holder.accepted(kPatience);
  const auto second = client.submit<std::int64_t>(Options().remember("report", 60s), "add", 1, 1);
  try {
    second.accepted(kPatience);
    FAIL("the name was given twice");
  } catch (const NameTaken& e) {
    CHECK(e.holder() == holder.id());
    CHECK((e.state() == State::pending || e.state() == State::running));
    CHECK(std::string(e.what()).find(holder.id().text()) != std::string::npos);
  }
  const auto attached =
      client.submit<std::int64_t>(Options().remember("report", 60s, Duplicate::attach), "add", 1, 1);
  write_file(gate, "");
  CHECK(attached.result(kPatience) == holder.result(kPatience));
  const auto replacing =
      client.submit<std::int64_t>(Options().remember("report", 60s, Duplicate::replace), "add", 3, 3);
  CHECK(replacing.result(kPatience) == 6);
  CHECK(connect(daemon).future<std::int64_t>("report").result(kPatience) == 6);
}

TEST_CASE("R6 the answers lapsed and forgotten and unknown are distinct") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  client.submit<std::int64_t>("add", 1, 1).remember("short", 100ms);
  client.submit<std::int64_t>("add", 2, 2).remember("dropped", 60s);
  CHECK(client.future<std::int64_t>("dropped").result(kPatience) == 4);
  CHECK(client.forget("dropped"));
  const auto answer = [&](const char* name) {
    return thrown_by([&] { (void)client.future(name).value(kPatience); });
  };
  CHECK(eventually([&] { return answer("short").starts_with("NoSuchFuture lapsed: "); }));
  CHECK(answer("short").find("\"short\" has lapsed: its lifespan is over") != std::string::npos);
  CHECK(answer("dropped").starts_with("NoSuchFuture forgotten: "));
  CHECK(answer("never").starts_with("NoSuchFuture unknown: "));
  daemon.restart_after_kill();
  CHECK(answer("short").starts_with("NoSuchFuture lapsed: "));
  CHECK(answer("dropped").starts_with("NoSuchFuture forgotten: "));
  CHECK(answer("never").starts_with("NoSuchFuture unknown: "));
}

TEST_CASE("R4 forget takes the name and leaves the job alone") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto future = client.submit<std::int64_t>(Options().remember("held", 60s), "wait_for", gate.string());
  future.accepted(kPatience);
  CHECK(client.forget("held"));
  CHECK(thrown_by([&] { client.forget("held"); }).starts_with("NoSuchFuture forgotten: "));
  write_file(gate, "");
  CHECK(future.result(kPatience) > 0);
}

TEST_CASE("R9 named results survive a kill -9 of the daemon") {
  TestDaemon daemon(story_config());
  {
    Client client = connect(daemon);
    CHECK(client.submit<std::int64_t>(Options().remember("sum", 60s), "add", 40, 2).result(kPatience) == 42);
    const auto failed =
        client.submit<std::int64_t>(Options().remember("failure", 60s), "fail", "as it should");
    REQUIRE(failed.wait(kPatience));
    CHECK(client.submit<std::string>(Options().remember("large", 60s), "large", 3'000'000)
              .result(kPatience)
              .size() == 3'000'000);
  }
  daemon.restart_after_kill();
  Client client = connect(daemon);
  CHECK(client.future<std::int64_t>("sum").result(kPatience) == 42);
  CHECK(client.future<std::string>("large").result(kPatience) == std::string(3'000'000, 'x'));
  const auto failure = client.future("failure").failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->type == "std::runtime_error");
  CHECK(failure->message == "as it should");
  CHECK(failure->output == "about to fail\n");
}

TEST_CASE("accepted durable jobs survive a kill -9 of the daemon and run") {
  TestDaemon daemon(story_config(1));
  const auto gate = daemon.directory() / "gate";
  const auto tally = daemon.directory() / "tally";
  {
    Client client = connect(daemon);
    const auto first =
        client.submit<std::int64_t>(Options().remember("first", 60s), "wait_for", gate.string());
    first.accepted(kPatience);
    for (int i = 0; i < 20; ++i) {
      client
          .submit<std::int64_t>(Options().remember("job " + std::to_string(i), 60s), "tally", tally.string())
          .accepted(kPatience);
    }
  }
  daemon.kill9();
  CHECK(lines_in(tally) == 0);
  write_file(gate, "");
  daemon.start();
  Client client = connect(daemon);
  CHECK(client.future<std::int64_t>("first").result(kPatience) > 0);
  for (int i = 0; i < 20; ++i) {
    CHECK(client.future<std::int64_t>("job " + std::to_string(i)).result(kPatience) > 0);
  }
  CHECK(lines_in(tally) == 20);
}

TEST_CASE("R9 a large result is a file that survives a kill -9, and one that somebody removed says so") {
  TestDaemon daemon(story_config().set("daemon", "large_result", "1MiB").limit("keep_unfetched", "100ms"));
  constexpr std::uint64_t kSize = 3'000'000;
  const auto options = [](const char* name) { return Options().remember(name, 60s); };
  Client client = connect(daemon);
  client.submit<std::string>(options("kept"), "large", kSize).wait(kPatience);
  const auto lost = client.submit<std::string>(options("lost"), "large", kSize);
  lost.wait(kPatience);
  const auto file = daemon.state_dir() / "results" / lost.id().text();
  CHECK(std::filesystem::file_size(file) > kSize);
  daemon.restart_after_kill();
  std::filesystem::remove(file);
  Client other = connect(daemon);
  CHECK(other.future<std::string>("kept").result(kPatience) == std::string(kSize, 'x'));
  std::string message;
  try {
    (void)other.future<std::string>("lost").result(kPatience);
  } catch (const RefusedError& e) {
    CHECK(e.code() == "result_lost");
    message = e.what();
  }
  CHECK(message.find(file.string() + " cannot be opened: No such file or directory") != std::string::npos);
  CHECK(message.find("put the file back from a backup, or run the job again") != std::string::npos);
  CHECK(daemon.log().find("job " + lost.id().text() + ": the result is lost") != std::string::npos);
  CHECK(other.forget("lost"));
  CHECK(other.forget("kept"));
  CHECK(eventually([&] { return std::filesystem::is_empty(daemon.state_dir() / "results"); }));
}

TEST_CASE("A4 an interrupted job runs again and one submitted at most once does not") {
  TestDaemon daemon(story_config());
  const auto gate = daemon.directory() / "gate";
  const auto again = daemon.directory() / "again";
  const auto once = daemon.directory() / "once";
  {
    Client client = connect(daemon);
    client.submit<std::int64_t>(Options().remember("again", 60s), "tally_and_wait", again.string(),
                                gate.string());
    client.submit<std::int64_t>(Options().remember("once", 60s).at_most_once(), "tally_and_wait",
                                once.string(), gate.string());
    CHECK(eventually([&] { return lines_in(again) == 1 && lines_in(once) == 1; }));
  }
  daemon.kill9();
  write_file(gate, "");  // only now: they must not end before
  daemon.start();
  Client client = connect(daemon);
  CHECK(client.future<std::int64_t>("again").result(kPatience) > 0);
  CHECK(lines_in(again) == 2);
  const auto failure = client.future("once").failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::interrupted);
  CHECK(lines_in(once) == 1);
}
