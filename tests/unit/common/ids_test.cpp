// SPDX-License-Identifier: Apache-2.0
#include "common/ids.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "common/fd.hpp"

namespace promised::test {
namespace {

std::int64_t wall_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::int64_t ms_of(const JobId& id) {
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 6; ++i) ms = ms << 8 | id.bytes()[i];
  return ms;
}

TEST_CASE("S2 a new id is a UUIDv7 of this moment") {
  const std::int64_t before = wall_ms();
  const JobId id = new_job_id();
  const std::int64_t after = wall_ms();
  CHECK(id.text()[14] == '7');
  CHECK((id.bytes()[8] & 0xc0) == 0x80);
  CHECK(ms_of(id) >= before);
  CHECK(ms_of(id) <= after);
}

TEST_CASE("ids sort by the millisecond of their making") {
  std::vector<JobId> ids;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (ids.size() < 5 && std::chrono::steady_clock::now() < deadline) {
    const JobId id = new_job_id();
    if (ids.empty() || ms_of(id) != ms_of(ids.back())) ids.push_back(id);
  }
  REQUIRE(ids.size() == 5);
  CHECK(std::is_sorted(ids.begin(), ids.end()));
}

TEST_CASE("ids of one process sort in the order of their making") {
  JobId last = new_job_id();
  for (int i = 0; i < 100'000; ++i) {
    const JobId next = new_job_id();
    REQUIRE(last < next);
    last = next;
  }
}

TEST_CASE("S2 no two ids are equal, over all threads") {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEach = 20'000;
  std::vector<std::vector<JobId>> made(kThreads);
  std::vector<std::thread> threads;
  for (auto& mine : made) {
    threads.emplace_back([&mine] {
      for (std::size_t i = 0; i < kEach; ++i) mine.push_back(new_job_id());
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<JobId> all;
  for (const auto& mine : made) all.insert(mine.begin(), mine.end());
  CHECK(all.size() == kThreads * kEach);
}

TEST_CASE("S9 a forked child does not repeat its parent's ids") {
  (void)new_job_id();  // the parent's generator is seeded
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const JobId id = new_job_id();
    const ssize_t n = ::write(write_end.get(), id.bytes().data(), JobId::kSize);
    ::_exit(n == static_cast<ssize_t>(JobId::kSize) ? 0 : 1);
  }
  const JobId mine = new_job_id();
  std::array<std::uint8_t, JobId::kSize> bytes{};
  CHECK(::read(read_end.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  // Without the milliseconds, which differ anyhow.
  CHECK_FALSE(std::equal(bytes.begin() + 6, bytes.end(), mine.bytes().begin() + 6));
}

TEST_CASE("random seeds differ") {
  CHECK(random_seed() != random_seed());
}

}  // namespace
}  // namespace promised::test
