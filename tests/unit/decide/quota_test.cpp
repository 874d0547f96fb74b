// SPDX-License-Identifier: Apache-2.0
// Jobs with quotas on their way through the scheduler (SEMANTICS Q3 to Q5); the rules themselves are tested
// in quotas_test.cpp.
#include <doctest/doctest.h>

#include <csignal>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

Options exclusive(const std::string& key = "k") {
  return Options{}.exclusive(key);
}

/// What the worker has in its channel.
std::vector<JobId> channel(House& house, WorkerId worker) {
  std::vector<JobId> ids;
  for (const message::Run& run : house.hand(worker).channel) ids.push_back(run.id);
  return ids;
}

using Ids = std::vector<JobId>;

}  // namespace

TEST_CASE("Q5 jobs of one key run one at a time over all workers, and others go before those that wait") {
  ReadyHouse house(one_pool(2));
  const auto client = house.connect();
  const WorkerId one = house.workers()[0], two = house.workers()[1];
  const JobId first = house.submit(client, "f", exclusive());
  const JobId second = house.submit(client, "f", exclusive());
  const JobId free = house.submit(client);
  CHECK(channel(house, one) == Ids{first});
  CHECK(channel(house, two) == Ids{free});
  CHECK(house.show(client, second).reason == "the quota \"k\" is full");
  CHECK(house.show(client, second).quotas == std::vector<QuotaUse>{{"k", 1}});
  house.finish(two);
  CHECK(channel(house, two).empty());
  house.finish(one);
  CHECK(channel(house, one) == Ids{second});
}

TEST_CASE("Q5 two users' keys are two keys") {
  ReadyHouse house(one_pool(2));
  const JobId mine = house.submit(house.connect(1000), "f", exclusive());
  const JobId yours = house.submit(house.connect(1001), "f", exclusive());
  CHECK(channel(house, house.workers()[0]) == Ids{mine});
  CHECK(channel(house, house.workers()[1]) == Ids{yours});
}

TEST_CASE("Q3 a cap holds over pools, and room in it goes to whichever pool has a worker") {
  auto settings = one_pool();
  settings.pools[0].prefetch = 1;
  settings.pools.push_back(settings.pools[0]);
  settings.pools[1].name = "other";
  House house(settings);
  for (const WorkerId worker : house.workers()) house.ready(worker);
  const auto client = house.connect();
  const Options two = Options{}.quota("k", 1);
  const JobId a = house.submit(client, "f", two);
  const JobId b = house.submit(client, "f", two);
  CHECK(channel(house, house.workers()[0]) == Ids{a});
  CHECK(channel(house, house.workers()[1]).empty());
  const JobId plain = house.submit(client);
  CHECK(channel(house, house.workers()[1]) == Ids{plain});
  const JobId more = house.submit(client);
  house.finish(house.workers()[0]);
  CHECK(channel(house, house.workers()[0]) == Ids{b});
  house.finish(house.workers()[1]);
  CHECK(channel(house, house.workers()[1]) == Ids{more});
}

TEST_CASE("Q3 a job that is held ready has its quotas, and gives them back when it is taken back") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  for (int i = 0; i < 60; ++i) {
    house.submit(client);
    house.finish(worker, "r", 10us);
  }
  const JobId running = house.submit(client);
  const JobId first = house.submit(client, "f", exclusive());
  const JobId second = house.submit(client, "f", exclusive());
  house.begin(worker);
  CHECK(channel(house, worker) == Ids{running, first});
  CHECK(house.show(client, second).reason == "the quota \"k\" is full");
  house.wait(kStall);
  CHECK(channel(house, worker) == Ids{running});
  CHECK(house.show(client, first).reason == "pool main has no free worker");
  house.finish(worker);
  CHECK(channel(house, worker) == Ids{first});
  CHECK(house.finish(worker) == first);
  CHECK(house.finish(worker) == second);
}

TEST_CASE("Q3 quotas are free when a job ends, however it does") {
  ReadyHouse house(prefetching(1, 2));
  const auto client = house.connect();
  const auto runner = [&](const JobId& id) {
    for (const WorkerId worker : house.workers()) {
      if (channel(house, worker) == Ids{id}) return worker;
    }
    FAIL("no worker has the job");
    return WorkerId{};
  };
  std::vector<JobId> jobs;
  for (int i = 0; i < 5; ++i) jobs.push_back(house.submit(client, "f", exclusive().run_timeout(1min)));
  Failure failure;
  failure.cause = Cause::exception;
  house.fail(runner(jobs[0]), failure);
  house.begin(runner(jobs[1]));
  house.gone(runner(jobs[1]), SIGSEGV);
  CHECK(house.ended(client, jobs[1])->failure.cause == Cause::crashed);
  // The waiting one that is cancelled never had them.
  house.ask(client, message::Cancel{{jobs[3], {}}});
  house.begin(runner(jobs[2]));
  house.wait(1min);
  CHECK(house.hand(runner(jobs[2])).signals == std::vector<int>{SIGTERM});
  CHECK(house.show(client, jobs[4]).state == State::pending);
  house.gone(runner(jobs[2]), SIGTERM);
  CHECK(house.ended(client, jobs[2])->failure.cause == Cause::timed_out);
  for (const WorkerId worker : house.workers()) {
    if (house.hand(worker).pid == 0) house.ready(worker);
  }
  CHECK(house.finish(runner(jobs[4])) == jobs[4]);
}

TEST_CASE(
    "C8 a job that waits gives its quotas back, and goes on when they are free again, before new jobs") {
  ReadyHouse house(prefetching(1, 2));
  const auto client = house.connect();
  const WorkerId one = house.workers()[0], two = house.workers()[1];
  const JobId parent = house.submit(client, "f", exclusive());
  house.begin(one);
  const JobId child = house.submit(client);
  house.begin(two);
  const JobId next = house.submit(client, "f", exclusive());
  const JobId last = house.submit(client, "f", exclusive());
  house.handle(event::AttemptWaits{one, house.hand(one).channel.front().sequence, {child}});
  // A third worker takes the place of the one that waits.
  REQUIRE(house.workers().size() == 3);
  const WorkerId three = house.workers()[2];
  house.ready(three);
  CHECK(channel(house, three) == Ids{next});
  house.begin(three);
  house.finish(two);
  // There is a slot, and the quota is full.
  CHECK(house.show(client, parent).state == State::waiting);
  CHECK(house.show(client, parent).reason ==
        "it has waited for others, and goes on as soon as pool main has a free slot and its quotas are free");
  const JobId plain = house.submit(client);
  CHECK(channel(house, two) == Ids{plain});
  house.finish(three);
  CHECK(house.show(client, parent).state == State::running);
  CHECK(house.show(client, last).state == State::pending);
  REQUIRE(house.hand(one).resumed.size() == 1);
  house.finish(one);
  CHECK(house.show(client, last).state == State::running);
}

TEST_CASE("C8 the quotas that a waiting job is to have again are free when it is gone before that") {
  ReadyHouse house(prefetching(1, 2));
  const auto client = house.connect();
  const WorkerId one = house.workers()[0], two = house.workers()[1];
  house.submit(client, "f", exclusive());
  house.begin(one);
  const JobId child = house.submit(client);
  house.begin(two);
  const JobId next = house.submit(client, "f", exclusive());
  const JobId last = house.submit(client, "f", exclusive());
  house.handle(event::AttemptWaits{one, house.hand(one).channel.front().sequence, {child}});
  const WorkerId three = house.workers()[2];
  house.ready(three);
  house.begin(three);
  house.finish(two);
  house.gone(one, SIGKILL);
  CHECK(house.show(client, next).state == State::running);
  house.finish(three);
  CHECK(house.show(client, last).state == State::running);
}

TEST_CASE("Q3 a pool grows by the jobs that can run, and not by those that a quota holds") {
  auto settings = one_pool(1);
  settings.pools[0].size_max = 4;
  settings.pools[0].prefetch = 1;
  ReadyHouse house(settings);
  const auto client = house.connect();
  for (int i = 0; i < 10; ++i) house.submit(client, "f", exclusive());
  CHECK(house.workers().size() == 1);
  for (int i = 0; i < 10; ++i) house.submit(client, "f", exclusive("other"));
  CHECK(house.workers().size() == 2);
}

TEST_CASE("Q4 a submission with a quota that is not configured is refused") {
  ReadyHouse house;
  const auto client = house.connect();
  const auto refusal = [&](const Options& options) {
    house.submit(client, "f", options);
    return house.last<message::Refused>(client);
  };
  CHECK(refusal(Options{}.quota("licences")).code == "no_quota");
  CHECK(refusal(Options{}.quota("licences")).message ==
        "there is no quota \"licences\" (no quota is configured)");
  CHECK(refusal(Options{}.quota("")).message == "a quota's name has 1 to 255 bytes, given 0");
  CHECK(refusal(exclusive(std::string(256, 'k'))).message == "a quota's key has 1 to 255 bytes, given 256");
  CHECK(refusal(exclusive("two\nlines")).message == "a quota's key has no line break");
  Options many;
  for (int i = 0; i < 9; ++i) many.exclusive(std::to_string(i));
  CHECK(refusal(many).message == "a job has up to 8 quotas and keys, given 9");
  CHECK(refusal(many).code == "bad_request");
}

TEST_CASE("Q5 keys are not kept with results, but with what has failed and may be run again") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId good = house.submit(client, "f", exclusive().remember("good", 1h));
  const JobId bad = house.submit(client, "f", exclusive().remember("bad", 1h));
  CHECK(house.finish(house.workers()[0]) == good);
  Failure failure;
  failure.cause = Cause::exception;
  CHECK(house.fail(house.workers()[0], failure) == bad);
  CHECK(house.show(client, good).quotas.empty());
  CHECK(house.show(client, good).queue == "default");
  CHECK(house.show(client, bad).quotas == std::vector<QuotaUse>{{"k", 1}});
}

TEST_CASE("Q3 quotas are written with the job, and bind it after a restart") {
  Options written;
  {
    ReadyHouse house;
    const auto client = house.connect();
    house.submit(client, "f", exclusive().quota("k2", 3));
    REQUIRE(house.written<change::InsertJob>().size() == 1);
    written = house.written<change::InsertJob>()[0].options;
  }
  CHECK(written.quotas().size() == 2);
  const auto recover = [&](House& house) {
    for (int i = 1; i <= 3; ++i) {
      RecoveredJob job;
      job.id = new_job_id();
      job.owner = 1000;
      job.function = "f";
      job.options = i == 3 ? Options{}.quota("not configured any more") : written;
      job.submitted = WallTime(std::chrono::hours(400'000 + i));
      house.scheduler.restore(std::move(job), house.now, house.plan);
    }
  };
  House house(one_pool(3), recover);
  for (const WorkerId worker : house.workers()) house.ready(worker);
  int busy = 0;
  for (const WorkerId worker : house.workers()) busy += house.hand(worker).channel.empty() ? 0 : 1;
  CHECK(busy == 2);  // one of the two with the key, and the one that nothing binds
}

TEST_CASE("Q3 jobs on disk that a quota holds stay there, and others of their queue come in") {
  auto settings = one_pool(2);
  settings.limits.max_in_memory = 1;
  settings.pools[0].prefetch = 1;
  ReadyHouse house(settings);
  const auto client = house.connect();
  std::vector<effect::LoadBacklog> loads;
  house.load_backlog = [&](const effect::LoadBacklog& wanted) {
    loads.push_back(wanted);
    std::vector<RecoveredJob> found;
    for (const auto& insert : house.written<change::InsertJob>()) {
      if (!insert.backlog || insert.quotas != wanted.quotas || insert.submitted <= wanted.after) continue;
      RecoveredJob job;
      job.id = insert.id;
      job.owner = insert.owner;
      job.function = insert.function;
      job.options = insert.options;
      job.submitted = insert.submitted;
      if (found.size() < wanted.most) found.push_back(std::move(job));
    }
    return found;
  };
  const WorkerId one = house.workers()[0], two = house.workers()[1];
  const JobId first = house.submit(client, "f", exclusive());
  // A band has 16 in memory in any case.
  std::vector<JobId> held, free;
  for (int i = 0; i < 40; ++i) held.push_back(house.submit(client, "f", exclusive()));
  for (int i = 0; i < 40; ++i) free.push_back(house.submit(client));
  for (int i = 0; i < 40; ++i) CHECK(house.finish(two) == free[static_cast<std::size_t>(i)]);
  CHECK(std::all_of(loads.begin(), loads.end(), [](const auto& load) { return load.quotas.empty(); }));
  CHECK(house.finish(one) == first);
  for (int i = 0; i < 40; ++i) {
    const WorkerId at = channel(house, one).empty() ? two : one;
    CHECK(house.finish(at) == held[static_cast<std::size_t>(i)]);
  }
  CHECK(loads.back().quotas == "1*1000:k");
}
