// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <set>

#include "daemon/pool/mapped_worker_page.hpp"
#include "tests/unit/pool/fixture.hpp"

using namespace promised;
using namespace promised::test;

TEST_CASE("A2 jobs taken back under load are run or given back, never both and never neither") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  std::set<std::uint32_t> expected;
  std::uint32_t taken_back = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::uint32_t> sent;
    for (int i = 0; i < 50; ++i) sent.push_back(pool.dispatch(worker, "quick", arguments(i)));
    pool.workers().flush();
    if (round % 2 == 0) pool.read(std::chrono::milliseconds(0));
    const std::uint32_t first_unclaimed = pool.revoke(worker);
    for (const std::uint32_t sequence : sent) {
      if (sequence < first_unclaimed) {
        expected.insert(sequence);
      } else {
        ++taken_back;
      }
    }
  }
  const std::uint32_t last = pool.dispatch(worker, "quick", arguments(0));
  expected.insert(last);
  pool.workers().flush();
  std::set<std::uint32_t> ended;
  const auto last_ended = [&] {
    for (const auto& e : pool.all<event::AttemptEnded>(worker)) ended.insert(e.sequence);
    return ended.contains(last);
  };
  pool.until(last_ended, "the last job");
  CHECK(ended == expected);
  CHECK(taken_back > 0);
  CHECK(pool.all<event::AttemptEnded>(worker).size() == expected.size());
}

TEST_CASE("a job that a worker has begun cannot be taken back") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  pool.dispatch(worker, "ignore_sigterm", arguments());
  pool.dispatch(worker, "quick", arguments(1));
  pool.workers().flush();
  pool.await<event::AttemptProgress>(worker);
  CHECK(pool.revoke(worker) == 1);
  pool.kill(worker, SIGKILL);
  CHECK(pool.await<event::WorkerGone>(worker).first_unclaimed == 1);
}

TEST_CASE("a worker can neither shrink nor grow the worker page, which it shares with the daemon") {
  const Result<MappedWorkerPage> page = MappedWorkerPage::make();
  REQUIRE(page.ok());
  CHECK(::ftruncate(page->file().get(), 0) != 0);
  CHECK(::ftruncate(page->file().get(), 1 << 20) != 0);
}
