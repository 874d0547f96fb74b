// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <random>
#include <set>

#include "daemon/decide/indexed_heap.hpp"
#include "daemon/decide/statistics.hpp"
#include "daemon/decide/timer.hpp"

using namespace promised;
using namespace std::chrono_literals;

TEST_CASE("an indexed heap agrees with a sorted set under random updates and removals") {
  std::mt19937 random(7);
  std::vector<Timer> timers(200, Timer(Timer::Kind::job));
  std::set<std::pair<std::int64_t, Timer*>> model;
  TimerHeap heap;
  for (int i = 0; i < 20'000; ++i) {
    Timer& t = timers[random() % timers.size()];
    if (TimerHeap::contains(t)) model.erase({t.due, &t});
    if (random() % 3 == 0) {
      heap.remove(t);
    } else {
      t.due = static_cast<std::int64_t>(random() % 1000);
      heap.update(t);
      model.insert({t.due, &t});
    }
    REQUIRE(heap.size() == model.size());
    if (!model.empty()) REQUIRE(heap.top()->due == model.begin()->first);
  }
}

TEST_CASE("durations of the last minute have their percentiles within a tenth") {
  RecentDurations durations;
  const Instant start(1h);
  for (int i = 1; i <= 100; ++i) durations.record(std::chrono::milliseconds(i), start);
  const auto view = durations.percentiles(start + 30s);
  CHECK(view.count == 100);
  CHECK(view.p50 > 45ms);
  CHECK(view.p50 < 55ms);
  CHECK(view.p95 > 86ms);
  CHECK(view.p95 < 104ms);
  CHECK(durations.percentiles(start + 70s).count == 0);
}
