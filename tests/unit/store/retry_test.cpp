// SPDX-License-Identifier: Apache-2.0
// What the store keeps of jobs that are tried again, and of those that may be run again (SEMANTICS A3, A6).
#include <doctest/doctest.h>

#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

using namespace std::chrono_literals;

change::EndJob fail(std::uint64_t number) {
  change::EndJob end{job_id(number), State::failed, {}, "because", {}, moment(1), moment(2), 3, 2};
  end.failure.cause = Cause::quarantined;
  end.failure.message = "it fell over";
  return end;
}

std::string arguments_of(Store& store, std::uint64_t number) {
  auto found = store.load_arguments(job_id(number));
  REQUIRE_MESSAGE(found.ok(), found.problem().message);
  return std::string(found->view());
}

TEST_CASE("A6 the moment of the next attempt comes back, and is gone when the job is tried again or ends") {
  const TempDirectory directory;
  change::RequeueJob waits{job_id(1), 1, 0};
  waits.due = moment(77);
  commit(*open_store(directory.path()), {insert(1), waits});
  CHECK(contents_of(directory.path()).job(1)->due == moment(77));
  commit(*open_store(directory.path()), {change::RequeueJob{job_id(1), 2, 0}});
  CHECK(contents_of(directory.path()).job(1)->due == WallTime());
  commit(*open_store(directory.path()), {waits, fail(1)});
  CHECK(contents_of(directory.path()).job(1)->due == WallTime());
}

TEST_CASE("A3 the arguments of a job that has failed stay on disk, of any other they are gone") {
  for (const std::size_t size : {0, 1, 512, 513, 100'000}) {
    CAPTURE(size);
    const TempDirectory directory;
    const std::string arguments(size, 'x');
    const auto store = open_store(directory.path());
    commit(*store, {insert(1, arguments), insert(2, arguments), insert(3, arguments)});
    commit(*store, {fail(1), succeed(2)});
    CHECK(arguments_of(*store, 1) == arguments);
    CHECK(arguments_of(*store, 2).empty());
    CHECK(arguments_of(*store, 3).empty());  // it has not failed
    CHECK(arguments_of(*store, 4).empty());  // there is none
    CHECK(contents_of(*store).job(1)->arguments.empty());
    CHECK(contents_of(*store).job(1)->arguments_size == size);
    commit(*store, {remove(1)});
    CHECK(arguments_of(*store, 1).empty());
  }
}

TEST_CASE("M4 a job that runs again is as if it had not ended, with its arguments and its last failure") {
  for (const std::size_t size : {9, 100'000}) {
    CAPTURE(size);
    const TempDirectory directory;
    change::InsertJob job = insert(1, std::string(size, 'x'));
    job.options.delay(1h).begin_by(2h).deadline(3h).timeout(4h).retries(5).abandon(Abandon::cancel, 1s);
    change::TellJob told{job_id(1), {}, {{0, {2}, Payload("aa")}}, Payload(std::string(size, 'o'))};
    told.told.parts = 1;
    told.told.output_size = told.told.output_total = size;
    commit(*open_store(directory.path()),
           {job, change::RequeueJob{job_id(1), 2, 4, 2}, change::StartJob{job_id(1), 3}, fail(1), told});
    commit(*open_store(directory.path()), {change::RetryJob{job_id(1), WallTime(77us)}});
    const Contents contents = contents_of(directory.path());
    REQUIRE(contents.jobs.size() == 1);
    const RecoveredJob& found = contents.jobs[0];
    CHECK(found.state == State::pending);
    CHECK_FALSE(found.started);
    CHECK(found.arguments.view() == job.arguments.view());
    CHECK(found.attempts == 3);
    CHECK(found.due == WallTime(77us));
    CHECK(found.interruptions == 0);
    CHECK(found.crashes == 2);
    CHECK(found.ended == WallTime());
    CHECK(found.reason.empty());
    CHECK(found.failure.message == "it fell over");
    CHECK(found.told == message::Told{});
    CHECK(found.options ==
          Options(job.options).delay(0ms).begin_by(0ms).deadline(0ms).abandon(Abandon::go_on));
    // Its next outcome finds no leftovers of the one before.
    commit(*open_store(directory.path()), {fail(1), told, change::RetryJob{job_id(1), {}}, succeed(1), told});
    CHECK(contents_of(directory.path()).job(1)->state == State::succeeded);
  }
}

TEST_CASE("M4 that a job which is not there runs again changes nothing") {
  const TempDirectory directory;
  commit(*open_store(directory.path()), {change::RetryJob{job_id(1), {}}});
  CHECK(contents_of(directory.path()).jobs.empty());
}

}  // namespace
}  // namespace promised::test
