// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

using namespace std::chrono_literals;

/// What a store knows after these batches, a reopening between each two, and a last one.
Contents after(const std::vector<std::vector<Change>>& batches) {
  const TempDirectory directory;
  for (const auto& batch : batches) commit(*open_store(directory.path()), batch);
  return contents_of(directory.path());
}

Failure some_failure() {
  Failure failure;
  failure.cause = Cause::crashed;
  failure.type = "std::runtime_error";
  failure.message = "it fell over";
  failure.output = std::string("last words\n\0with a zero", 23);
  failure.limit = "run_timeout";
  failure.signal = 11;
  failure.exit_code = 3;
  failure.attempt = 4;
  failure.pid = 4711;
  failure.ran = 5s + 6ns;
  return failure;
}

TEST_CASE("a new store is empty") {
  const Contents contents = after({});
  CHECK(contents.jobs.empty());
  CHECK(contents.names.empty());
}

TEST_CASE("an inserted job comes back with all that it was submitted with") {
  change::InsertJob job = insert(7, std::string("with\0zero", 9));
  job.owner = 4'000'000'000;
  job.options.priority(-5).timeout(90s).run_timeout(5min).at_most_once();
  const Contents contents = after({{job}});
  REQUIRE(contents.jobs.size() == 1);
  const RecoveredJob& found = contents.jobs[0];
  CHECK(found.id == job_id(7));
  CHECK(found.owner == 4'000'000'000);
  CHECK(found.function == "report.build");
  CHECK(found.options == job.options);
  CHECK(found.arguments.view() == std::string_view("with\0zero", 9));
  CHECK(found.arguments_size == 9);
  CHECK(found.submitted == moment(7));
  CHECK(found.state == State::pending);
  CHECK_FALSE(found.started);
  CHECK(found.attempts == 0);
  CHECK(found.interruptions == 0);
}

TEST_CASE("arguments of every size come back as they were") {
  for (const std::size_t size : {0, 1, 512, 513, 1000, 5000, 3'000'000}) {
    CAPTURE(size);
    std::string arguments(size, '\0');
    for (std::size_t i = 0; i < size; ++i) arguments[i] = static_cast<char>(i * 7 + i / 256);
    const Contents contents = after({{insert(1, arguments)}, {change::StartJob{job_id(1), 1}}});
    REQUIRE(contents.jobs.size() == 1);
    CHECK(contents.jobs[0].arguments.view() == arguments);
    CHECK(contents.jobs[0].arguments_size == size);
  }
}

TEST_CASE("a started job comes back as started, a requeued one with its counts") {
  const Contents contents = after({{insert(1), insert(2)},
                                   {change::StartJob{job_id(1), 3}, change::StartJob{job_id(2), 1}},
                                   {change::RequeueJob{job_id(2), 4, 5}}});
  REQUIRE(contents.jobs.size() == 2);
  CHECK(contents.jobs[0].started);
  CHECK(contents.jobs[0].attempts == 3);
  CHECK(contents.jobs[0].state == State::pending);
  CHECK_FALSE(contents.jobs[1].started);
  CHECK(contents.jobs[1].attempts == 4);
  CHECK(contents.jobs[1].interruptions == 5);
  CHECK(contents.jobs[1].arguments.view() == "arguments");
}

TEST_CASE(
    "A3 crashes and the last failure come back, of a job that is tried again and of one that has ended") {
  Failure failure;
  failure.cause = Cause::crashed;
  failure.signal = 11;
  failure.message = "the worker was killed";
  change::EndJob end{job_id(2), State::failed, failure, {}, {}, {}, {}, 3, 3};
  const Contents contents =
      after({{insert(1), insert(2)}, {change::RequeueJob{job_id(1), 2, 1, 2, failure}}, {end}});
  REQUIRE(contents.jobs.size() == 2);
  CHECK(contents.jobs[0].state == State::pending);
  CHECK(contents.jobs[0].attempts == 2);
  CHECK(contents.jobs[0].crashes == 2);
  CHECK(contents.jobs[0].failure == failure);
  CHECK(contents.jobs[1].crashes == 3);
  CHECK(contents.jobs[1].failure == failure);
}

TEST_CASE("C9 which command a job is comes back, also of one that has ended") {
  change::InsertJob command = insert(1), ended = insert(2);
  command.command = ended.command = "mail";
  const Contents contents = after(
      {{command, ended, insert(3)}, {change::EndJob{job_id(2), State::succeeded, {}, {}, {}, {}, {}, 1}}});
  REQUIRE(contents.jobs.size() == 3);
  CHECK(contents.jobs[0].command == "mail");
  CHECK(contents.jobs[1].command == "mail");
  CHECK(contents.jobs[2].command.empty());
}

TEST_CASE("adjusted limits come back, with the other options as they were") {
  change::InsertJob job = insert(1);
  job.options.priority(9).timeout(1s);
  const Contents contents =
      after({{job, change::AdjustJob{job_id(1), 2s, 3s}}, {change::AdjustJob{job_id(1), 0ms, 4s}}});
  REQUIRE(contents.jobs.size() == 1);
  CHECK(contents.jobs[0].options == Options(job.options).timeout(0ms).run_timeout(4s));
}

TEST_CASE("a job that has succeeded comes back with its times but neither arguments nor result") {
  change::EndJob end = succeed(1, "the result");
  end.attempts = 2;
  for (const std::size_t size : {10, 100'000}) {
    const Contents contents = after({{insert(1, std::string(size, 'x'))}, {end}});
    REQUIRE(contents.jobs.size() == 1);
    const RecoveredJob& found = contents.jobs[0];
    CHECK(found.state == State::succeeded);
    CHECK(found.attempts == 2);
    CHECK(found.began == moment(1));
    CHECK(found.ended == moment(2));
    CHECK(found.arguments.empty());
    CHECK(found.arguments_size == size);
    CHECK(found.result_size == 10);
    CHECK(found.failure == Failure{});
    CHECK(found.options == Options().queue("reports"));
  }
}

TEST_CASE("a job that has failed, was cancelled or expired comes back with why") {
  for (const State state : {State::failed, State::cancelled, State::expired}) {
    change::EndJob end = succeed(1, "");
    end.state = state;
    end.failure = some_failure();
    end.reason = "because";
    end.started = WallTime();
    const Contents contents = after({{insert(1), change::StartJob{job_id(1), 1}, end}});
    REQUIRE(contents.jobs.size() == 1);
    CHECK(contents.jobs[0].state == state);
    CHECK(contents.jobs[0].failure == some_failure());
    CHECK(contents.jobs[0].reason == "because");
    CHECK(contents.jobs[0].began == WallTime());
    CHECK_FALSE(contents.jobs[0].started);
  }
}

TEST_CASE("a deleted job is gone, and its id can be used again") {
  CHECK(after({{insert(1), insert(2, std::string(9000, 'x'))}, {remove(1), remove(2)}}).jobs.empty());
  CHECK(after({{insert(1, std::string(9000, 'x'))}, {remove(1), insert(1)}}).jobs.size() == 1);
}

TEST_CASE("an id that is there cannot be inserted again, and nothing of the batch is written") {
  const TempDirectory directory;
  {
    const auto store = open_store(directory.path());
    commit(*store, {insert(1)});
    const auto again = store->apply(std::vector<Change>{insert(2), insert(1)});
    REQUIRE_FALSE(again.ok());
    CHECK(again.problem().message.find("UNIQUE constraint failed: job.id") != std::string::npos);
  }
  CHECK(contents_of(directory.path()).jobs.size() == 1);
}

TEST_CASE("what is said of a job that is not there changes nothing") {
  const Contents contents =
      after({{change::StartJob{job_id(1), 1}, change::RequeueJob{job_id(1), 1, 1},
              change::AdjustJob{job_id(1), 1s, 1s}, succeed(1), remove(1), change::DeleteName{1, "none"}}});
  CHECK(contents.jobs.empty());
  CHECK(contents.names.empty());
}

TEST_CASE("R10 a name comes back with what it stands for, owner by owner") {
  change::SetName other = set_name("report", 2);
  other.owner = 1001;
  other.lifespan = 5ms;
  const Contents contents = after({{insert(1), insert(2), set_name("report", 1), other}});
  REQUIRE(contents.names.size() == 2);
  CHECK(contents.names[0].owner == 1000);
  CHECK(contents.names[0].name == "report");
  CHECK(contents.names[0].id == job_id(1));
  CHECK(contents.names[0].lifespan == 10min);
  CHECK_FALSE(contents.names[0].state == State::lapsed);
  CHECK(contents.names[1].owner == 1001);
  CHECK(contents.names[1].id == job_id(2));
  CHECK(contents.names[1].lifespan == 5ms);
}

TEST_CASE("R6 a dropped name comes back as a tombstone, a deleted one not at all") {
  const Contents contents =
      after({{insert(1), set_name("a", 1), set_name("b", 1), set_name("c", 1)},
             {change::DropName{1000, "a", State::lapsed, moment(5)},
              change::DropName{1000, "b", State::forgotten, moment(6)}, change::DeleteName{1000, "c"}}});
  REQUIRE(contents.names.size() == 2);
  CHECK(contents.names[0].state == State::lapsed);
  CHECK(contents.names[0].until == moment(5));
  CHECK(contents.names[1].state == State::forgotten);
  CHECK(contents.names[1].until == moment(6));
}

TEST_CASE("R6 tombstones of ids come back in the order of their ends, deleted ones not at all") {
  const TempDirectory directory;
  {
    const auto store = open_store(directory.path());
    commit(*store, {change::BuryId{job_id(1), 1000, true, moment(7)},
                    change::BuryId{job_id(2), 1001, false, moment(6)},
                    change::BuryId{job_id(3), 1000, false, moment(5)}, change::DeleteGrave{job_id(3)},
                    change::DeleteGrave{job_id(4)}});
  }
  std::vector<RecoveredGrave> graves;
  REQUIRE(open_store(directory.path())
              ->replay_graves([&](const RecoveredGrave& grave) { graves.push_back(grave); })
              .ok());
  REQUIRE(graves.size() == 2);
  CHECK(graves[0].id == job_id(2));
  CHECK(graves[0].owner == 1001);
  CHECK_FALSE(graves[0].guard);
  CHECK(graves[1].id == job_id(1));
  CHECK(graves[1].guard);
  CHECK(graves[1].until == moment(7));
}

TEST_CASE("Q2 Q4 what was said of queues and quotas is there after a restart, the last of each") {
  const TempDirectory directory;
  const SteeredQueue paused{
      "mail", {.paused = true, .rate = Rate{}}, {.paused = false, .rate = Rate{1, 1s, 5}}};
  {
    const auto store = open_store(directory.path());
    commit(*store, {change::SteerQueue{{"mail", {.paused = true}, {.paused = false}}},
                    change::SteerQueue{{"gone", {.draining = true}, {.draining = false}}},
                    change::SteerQuota{{"big", 7, 4}}, change::SteerQuota{{"new", 7, {}}},
                    change::SteerQuota{{"back", 1, 4}}});
    commit(*store, {change::SteerQueue{paused}, change::SteerQueue{{"gone", {}, {}}},
                    change::SteerQuota{{"big", {}, 4}}, change::SteerQuota{{"back", 4, 4}}});
  }
  std::vector<SteeredQueue> queues;
  std::vector<SteeredQuota> quotas;
  REQUIRE(open_store(directory.path())
              ->replay_steered([&](SteeredQueue queue) { queues.push_back(std::move(queue)); },
                               [&](SteeredQuota quota) { quotas.push_back(std::move(quota)); })
              .ok());
  REQUIRE(queues.size() == 1);
  CHECK(queues[0].name == "mail");
  CHECK(queues[0].said == paused.said);
  CHECK(queues[0].configured == paused.configured);
  REQUIRE(quotas.size() == 2);
  CHECK(quotas[0].name == "big");
  CHECK_FALSE(quotas[0].size);
  CHECK(quotas[0].configured == 4U);
  CHECK(quotas[1].name == "new");
  CHECK(quotas[1].size == 7U);
  CHECK_FALSE(quotas[1].configured);
}

TEST_CASE(
    "S6 R7 R8 a job and its outcome come back with the client whose they are: who submitted it, or took it") {
  change::InsertJob tied = insert(1);
  tied.client = 77;
  tied.options.abandon(Abandon::cancel, 5ms);
  change::InsertJob ended = insert(2);
  ended.client = 78;
  change::InsertJob taken = insert(3);
  const Contents contents =
      after({{tied, ended, taken}, {succeed(2), succeed(3), change::TakeJob{job_id(3), 79}}});
  CHECK(contents.job(1)->client == 77);
  CHECK(contents.job(1)->options == tied.options);
  CHECK(contents.job(2)->client == 78);
  CHECK(contents.job(3)->client == 79);
}

TEST_CASE("R3 a name moves to another job, and from a tombstone back to life") {
  const Contents contents =
      after({{insert(1), insert(2), set_name("a", 1), set_name("b", 1)},
             {set_name("a", 2), change::DropName{1000, "b", State::forgotten, moment(6)}},
             {set_name("b", 2)}});
  REQUIRE(contents.names.size() == 2);
  for (const RecoveredName& name : contents.names) {
    CHECK(name.id == job_id(2));
    CHECK_FALSE(name.state == State::forgotten);
    CHECK(name.until == WallTime());
  }
}

TEST_CASE("Q1 jobs come back in the order of submission, whatever their ids") {
  std::vector<Change> changes;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    // The products modulo a prime all differ. A third of the jobs has ids that are near in order, as clients
    // make them.
    change::InsertJob job = insert(i % 3 == 0 ? 100'000 + (i ^ 5) : i * 7919 % 10'007);
    job.submitted = moment(static_cast<std::int64_t>(i / 3));
    changes.emplace_back(std::move(job));
  }
  const Contents contents = after({changes});
  REQUIRE(contents.jobs.size() == 10'000);
  for (std::size_t i = 1; i < contents.jobs.size(); ++i) {
    const RecoveredJob& a = contents.jobs[i - 1];
    const RecoveredJob& b = contents.jobs[i];
    CHECK((a.submitted < b.submitted || (a.submitted == b.submitted && a.id < b.id)));
  }
}

TEST_CASE("a result can be loaded when the job has succeeded, and only then") {
  const TempDirectory directory;
  const std::string large(100'000, 'r');
  change::EndJob failed = succeed(4);
  failed.state = State::failed;
  commit(*open_store(directory.path()), {insert(1), insert(2), insert(3), insert(4), insert(5),
                                         succeed(1, "small"), succeed(2, large), succeed(3, ""), failed});
  const auto store = open_store(directory.path());
  const auto load = [&](std::uint64_t number) { return store->load_result(job_id(number)).value(); };
  CHECK(load(1).value().view() == "small");
  CHECK(load(2).value().view() == large);
  CHECK(load(3).value().empty());
  CHECK_FALSE(load(4).has_value());
  CHECK_FALSE(load(5).has_value());
  CHECK_FALSE(load(6).has_value());
}

TEST_CASE("M1 the facts tell the size on disk and when the last commit was") {
  const TempDirectory directory;
  const auto store = open_store(directory.path());
  CHECK(store->facts().bytes > 0);
  CHECK(store->facts().last_commit == WallTime());
  const std::uint64_t before = store->facts().bytes;
  const WallTime start = Now::read().wall;
  commit(*store, {insert(1, std::string(100'000, 'x'))});
  CHECK(store->facts().bytes >= before + 100'000);
  CHECK(store->facts().last_commit >= start);
}

}  // namespace
}  // namespace promised::test
