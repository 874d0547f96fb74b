// SPDX-License-Identifier: Apache-2.0
// What jobs report while they run: progress, notes, and parts of their results (SEMANTICS P1 to P3).
#include <doctest/doctest.h>

#include <csignal>
#include <mutex>
#include <sstream>
#include <vector>

#include "tests/support/proc.hpp"
#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

/// What a progress callback was told, as "PERCENT MESSAGE".
class Told {
 public:
  [[nodiscard]] std::function<void(const Progress&)> callback() {
    return [this](const Progress& progress) {
      std::ostringstream text;
      text << progress.percent << " " << progress.message;
      const std::lock_guard lock(mutex_);
      lines_.push_back(text.str());
    };
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  [[nodiscard]] bool ends_with(const std::string& line) const {
    const auto all = lines();
    return !all.empty() && all.back() == line;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// The numbers that the parts begin with.
std::int64_t number_of(const std::string& part) {
  return std::stoll(part);
}

/// Reads all parts, and says whether they are 0, 1, 2 … up to `count`.
std::string read_all(const AnyFuture& future, std::int64_t count) {
  std::int64_t next = 0;
  for (const std::string& part : future.parts<std::string>(kPatience)) {
    if (number_of(part) != next) return "part " + part + " instead of " + std::to_string(next);
    ++next;
  }
  return next == count ? "all" : std::to_string(next) + " parts";
}

}  // namespace

TEST_CASE("P1 progress is pushed to who follows it, and success sets 100") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  Told told;
  const auto job =
      client.submit<std::int64_t>(Options().remember("job", 60s), "report_around", gate.string());
  job.on_progress(told.callback());
  CHECK(eventually([&] { return told.ends_with("10 begun"); }));
  CHECK(job.progress().percent == 10);
  CHECK(job.progress().message == "begun");
  Client other = connect(daemon);
  Told told_other;
  other.future("job").on_progress(told_other.callback());
  CHECK(eventually([&] { return told_other.ends_with("10 begun"); }));
  write_file(gate, "");
  CHECK(job.result(kPatience) == 1);
  CHECK(eventually([&] { return told.ends_with("100 nearly") && told_other.ends_with("100 nearly"); }));
  CHECK(job.progress().percent == 100);
  CHECK(connect(daemon).future("job").progress().percent == 100);
  Told told_late;
  job.on_progress(told_late.callback());
  CHECK(told_late.lines() == std::vector<std::string>{"100 nearly"});
}

TEST_CASE("P1 progress goes on to be told after the daemon was killed and started again") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  Told told;
  const auto job =
      client.submit<std::int64_t>(Options().remember("job", 60s), "report_around", gate.string());
  job.accepted(kPatience);
  job.on_progress(told.callback());
  CHECK(eventually([&] { return told.ends_with("10 begun"); }));
  daemon.restart_after_kill();
  CHECK(eventually([&] { return job.running(); }));
  write_file(gate, "");
  CHECK(job.result(kPatience) == 1);
  CHECK(eventually([&] { return told.ends_with("100 nearly"); }));
}

TEST_CASE("P2 a note stops a running job, whose own notes are kept with its outcome") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto job = client.submit<std::string>(Options().remember("job", 60s), "run_until_told");
  CHECK(job.note("word", "hello"));
  CHECK(eventually([&] { return job.note<bool>("ready") == true; }));
  CHECK(job.note<std::string>("word") == "hello");
  CHECK_FALSE(job.note<bool>("stop").has_value());
  CHECK(connect(daemon).future("job").note("stop", true));
  CHECK(job.result(kPatience) == "hello");
  CHECK(job.note<bool>("rounds") == true);
  CHECK_FALSE(job.note("stop", false));
  CHECK(job.notes().size() == 4);

  daemon.restart_after_kill();
  Client later = connect(daemon);
  CHECK(later.future("job").note<bool>("rounds") == true);
  CHECK(later.show(JobKey("job")).notes.size() == 4);
}

TEST_CASE("P2 a note that was written before the daemon was killed reaches the job that runs again") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto job = client.submit<std::string>("run_until_told");
  CHECK(job.note("word", "kept"));
  daemon.restart_after_kill();
  CHECK(job.note("stop", true));
  CHECK(job.result(kPatience) == "kept");
}

TEST_CASE("P2 a note can be removed, and only its owner's other clients see it") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto job = client.submit<std::string>("run_until_told");
  CHECK(job.note("word", "wrong"));
  CHECK(eventually([&] { return job.note("ready").has_value(); }));
  CHECK(job.note("word", Value()));
  CHECK_FALSE(job.note("word").has_value());
  CHECK(job.note("stop", true));
  CHECK(job.result(kPatience) == "none");
}

TEST_CASE("P2 max_notes and the length of a key are refused by their names, on both sides") {
  DaemonConfig config = story_config();
  config.limit("max_notes", "1KiB");
  TestDaemon daemon(config);
  Client client = connect(daemon);
  const auto job = client.submit<std::string>("run_until_told");
  CHECK(eventually([&] { return job.note("ready").has_value(); }));
  CHECK(thrown_by([&] { (void)job.note("k", std::string(2000, 'x')); }) ==
        "RefusedError limit: max_notes (1024 bytes) is reached: the notes of the job would have 2139, each "
        "counting for 64 "
        "more than it has; write less, or raise it in section [limits]");
  CHECK(thrown_by([&] { (void)job.note("", 1); }) ==
        "RefusedError bad_request: a note's key has 1 to 255 bytes, given 0");
  CHECK(job.note("stop", true));
  CHECK(job.result(kPatience) == "none");
  const auto much = client.submit("note_much", 2000);
  const auto failure = much.failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->type == "promised::LimitReached");
  CHECK(failure->message ==
        "max_notes (1024 bytes) is reached: the notes of the job would have 2071, each counting for 64 more "
        "than it "
        "has; write less, or raise it in section [limits]");
}

TEST_CASE("P3 parts are read as they come, by another process by name") {
  TestDaemon daemon(story_config());
  const auto gate = daemon.directory() / "gate";
  const std::string submitted = in_other_process([&] {
    Client client = connect(daemon);
    client.submit(Options().remember("job", 60s), "emit_around", 3, gate.string(), 2).accepted(kPatience);
    return std::string("submitted");
  });
  CHECK(submitted == "submitted");
  Client client = connect(daemon);
  const auto job = client.future("job");
  auto parts = job.parts<std::string>(kPatience);
  for (int i = 0; i < 3; ++i) CHECK(parts.next() == std::to_string(i) + ".");
  CHECK_FALSE(job.done());
  auto brief = job.parts<std::string>(1ms);
  int read = 0;
  CHECK(eventually([&] {
    try {
      read += brief.next() ? 1 : 100;
      return false;
    } catch (const TimeoutError&) {
      return read == 3;  // it may be over before a part is here, and then be asked again
    }
  }));
  write_file(gate, "");
  CHECK(parts.next() == "3.");
  CHECK(parts.next() == "4.");
  CHECK_FALSE(parts.next().has_value());
  CHECK(client.show(JobKey("job")).parts == 5);
}

TEST_CASE("P3 parts are read late, from the start, more than once, and after the daemon was killed") {
  TestDaemon daemon(story_config());
  const std::string read = in_other_process([&] {
    Client client = connect(daemon);
    const auto job = client.submit(Options().remember("job", 60s), "emit", 10'000, 100);
    (void)job.value(kPatience);
    return read_all(job, 10'000);
  });
  CHECK(read == "all");
  CHECK(in_other_process([&] { return read_all(connect(daemon).future("job"), 10'000); }) == "all");
  daemon.restart_after_kill();
  Client client = connect(daemon);
  CHECK(read_all(client.future("job"), 10'000) == "all");
  CHECK(client.forget("job"));
}

TEST_CASE("P3 the parts of an unnamed job wait for its submitter, who may read them after the outcome") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto job = client.submit("emit", 100, 1000);
  CHECK(job.value(kPatience) == Value(std::int64_t{100}));
  // Its outcome has been acknowledged by the time that another one's has come.
  (void)client.submit("add", 1, 1).value(kPatience);
  CHECK(read_all(job, 100) == "all");
  CHECK(eventually(
      [&] { return thrown_by([&] { (void)client.show(job.id()); }).starts_with("NoSuchFuture"); }));
  CHECK(read_all(client.submit("add", 1, 2), 0) == "all");
}

TEST_CASE("P3 a slow reader gets a thousand parts of 64 KiB, and the daemon's memory stays bounded") {
  TestDaemon daemon(story_config());
  const std::uint64_t before = resident_kib(daemon.pid()).most;
  Client client = connect(daemon);
  const auto job = client.submit(Options().remember("job", 60s), "emit", 1000, 65'536);
  auto slow = job.parts<std::string>(kPatience);
  CHECK(number_of(*slow.next()) == 0);
  CHECK(job.value(kPatience) == Value(std::int64_t{1000}));
  std::int64_t next = 1;
  while (const auto part = slow.next()) {
    CHECK(part->size() == 65'536);
    CHECK(number_of(*part) == next);
    ++next;
  }
  CHECK(next == 1000);
#ifndef PROMISED_SANITIZED  // sanitizers keep what was freed for a while
  // The parts once, and again while they are written.
  CHECK(resident_kib(daemon.pid()).most - before < 200 * 1024);
#else
  CHECK(before > 0);
#endif
}

TEST_CASE("P3 the range ends with the crash of the worker, after all that it had emitted") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto job = client.submit("emit_and_raise", 5, SIGSEGV);
  std::int64_t parts = 0;
  const std::string thrown = thrown_by([&] {
    for (const auto& part : job.parts<std::string>(kPatience)) parts += number_of(part) == parts ? 1 : 100;
  });
  CHECK(parts == 5);
  CHECK(
      thrown.starts_with("JobFailed crashed: emit_and_raise (job " + job.id().text() + ") failed (crashed)"));
}

TEST_CASE(
    "P3 when the daemon is killed in the middle the reader is told, and never gets the parts of two runs") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto job = client.submit(Options().remember("job", 60s), "emit_around", 3, gate.string(), 2);
  job.accepted(kPatience);
  auto parts = job.parts<std::string>(kPatience);
  auto unread = job.parts<std::string>(kPatience);
  CHECK(parts.next() == "0.");
  CHECK(parts.next() == "1.");
  daemon.restart_after_kill();
  write_file(gate, "");
  CHECK(
      thrown_by([&] {
        while (parts.next()) {
        }
      }) ==
      "PartsRestarted: emit_around (job " + job.id().text() +
          "): its run was cut off after 2 of its parts were read, and it runs again: ask for its parts once "
          "more to read them from the start");
  CHECK(read_all(job, 5) == "all");
  std::int64_t next = 0;
  while (const auto part = unread.next()) CHECK(number_of(*part) == next++);
  CHECK(next == 5);
}

TEST_CASE("P3 max_parts fails the job that emits more, by its name, and what it emitted is kept") {
  DaemonConfig config = story_config();
  config.limit("max_parts", "10000");
  TestDaemon daemon(config);
  Client client = connect(daemon);
  const auto job = client.submit("emit", 20, 1000);
  std::int64_t parts = 0;
  const std::string thrown = thrown_by([&] {
    for (const auto& part : job.parts<std::string>(kPatience)) parts += number_of(part) == parts ? 1 : 100;
  });
  CHECK(parts == 9);
  CHECK(
      thrown.find(
          "promised::LimitReached: max_parts (10000 bytes) is reached: a job streams no more, and each part "
          "counts for 64 more than it has; emit less, or raise it in section [limits]") != std::string::npos);
}

TEST_CASE("P3 others neither follow nor note a job, and are not told that it is there") {
  TestDaemon daemon(story_config().for_everyone());
  daemon.directory().open_to_everyone();
  const auto gate = daemon.directory() / "gate";
  const std::string id = in_other_process([&] {
    Client client = connect(daemon);
    const auto job = client.submit(Options().remember("job", 60s), "emit_around", 3, gate.string(), 0);
    job.accepted(kPatience);
    return job.id().text();
  });
  const JobId job = JobId::parse(id).value();
  const auto as_stranger = [&](const std::function<void(const AnyFuture&)>& f) {
    return in_other_process(
        [&] {
          Client client = connect(daemon);
          return thrown_by([&] { f(client.future(job)); });
        },
        kStranger);
  };
  const std::string unknown = "NoSuchFuture unknown: there is no job " + id;
  CHECK(as_stranger([](const AnyFuture& f) { (void)f.parts(kPatience).next(); }) == unknown);
  CHECK(as_stranger([](const AnyFuture& f) { (void)f.note("stop", true); }) == unknown);
  CHECK(as_stranger([](const AnyFuture& f) { (void)f.progress(); }) == unknown);
  write_file(gate, "");
}
