// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/schedule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "common/ids.hpp"

using namespace promised;
using namespace std::chrono_literals;

namespace {

const Now kStart{Instant(1h), WallTime(500'000h)};

Now after(Nanos steady, std::chrono::microseconds wall) {
  return {kStart.steady + steady, kStart.wall + wall};
}

std::unique_ptr<Job> job(int number) {
  auto made = std::make_unique<Job>(new_job_id());
  made->submitted = kStart.wall + std::chrono::microseconds(number);
  return made;
}

}  // namespace

TEST_CASE("T4 a delay follows the monotonic clock, a moment the wall clock, whatever the other one does") {
  Schedule schedule;
  const auto delayed = job(1), dated = job(2);
  schedule.add(*delayed, kStart.steady + 10s, kStart.wall + 10s);
  schedule.add(*dated, kStart.wall + 20s);
  CHECK(Schedule::contains(*delayed));
  CHECK(schedule.next_due(kStart) == Nanos(10s));
  CHECK(schedule.next_due(after(0s, 15s)) == Nanos(5s));
  CHECK(schedule.take_due(after(9s, 19s)) == nullptr);
  CHECK(schedule.take_due(after(0s, 1h)) == dated.get());
  CHECK(schedule.take_due(after(0s, 1h)) == nullptr);
  CHECK(schedule.take_due(after(10s, -1h)) == delayed.get());
  CHECK_FALSE(Schedule::contains(*delayed));
  CHECK_FALSE(schedule.next_due(kStart));
}

TEST_CASE("T2 what is due at one moment comes in the order of its submission") {
  Schedule schedule;
  std::vector<std::unique_ptr<Job>> jobs;
  for (const int number : {5, 1, 4, 2, 3}) {
    jobs.push_back(job(number));
    schedule.add(*jobs.back(), kStart.steady + 1s, kStart.wall + 1s);
  }
  WallTime last{};
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Job* next = schedule.take_due(after(1s, 1s));
    REQUIRE(next != nullptr);
    CHECK(next->submitted > last);
    last = next->submitted;
  }
}

TEST_CASE("jobs leave the schedule from any place of it, and the others keep their order") {
  Schedule schedule;
  std::mt19937 random(7);
  std::vector<std::unique_ptr<Job>> jobs;
  for (int i = 0; i < 1000; ++i) {
    jobs.push_back(job(i));
    const auto wait = std::chrono::milliseconds(random() % 500);
    if (i % 2 == 0) {
      schedule.add(*jobs.back(), kStart.steady + wait, kStart.wall + wait);
    } else {
      schedule.add(*jobs.back(), kStart.wall + wait);
    }
  }
  for (std::size_t i = 0; i < jobs.size(); i += 3) {
    schedule.remove(*jobs[i]);
    schedule.remove(*jobs[i]);  // it is not there any more
  }
  CHECK(schedule.size() == 666);
  std::size_t taken = 0;
  for (auto now = 0ms; now <= 500ms; now += 10ms) {
    while (const Job* next = schedule.take_due(after(now, now))) {
      ++taken;
      const WallTime due = next->detail->timing->moment;
      CHECK(due <= kStart.wall + now);
      CHECK(due > kStart.wall + now - 10ms);
    }
  }
  CHECK(taken == 666);
}
