// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "common/ids.hpp"
#include "daemon/decide/accounts.hpp"
#include "daemon/decide/fingerprint_table.hpp"
#include "daemon/decide/id_set.hpp"
#include "daemon/decide/indexed_heap.hpp"
#include "daemon/decide/job.hpp"
#include "daemon/decide/job_table.hpp"
#include "daemon/decide/names.hpp"
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

TEST_CASE("R6 tombstones are buried in any order and go in that of their ends") {
  Settings settings;
  Accounts accounts(settings.limits);
  NameTable names(accounts);
  std::mt19937 random(3);
  const auto until = [&] { return WallTime(std::chrono::microseconds(random() % 1'000'000)); };
  // As many as a day may leave: a search for each one's place would take minutes.
  const int many = 300'000;
  for (int i = 0; i < many; ++i) names.add_tombstone(7, "name " + std::to_string(i), State::lapsed, until());
  CHECK(accounts.of(7).of(Quantity::names) == many);
  WallTime last{};
  for (int i = 0; i < many; ++i) {
    NameEntry* grave = names.oldest_tombstone();
    REQUIRE(grave != nullptr);
    REQUIRE(grave->until >= last);
    last = grave->until;
    names.erase(*grave);
  }
  CHECK(names.oldest_tombstone() == nullptr);
  CHECK(accounts.all().of(Quantity::names) == 0);
}

TEST_CASE("R5 the jobs behind one owner's names are met latest first, from any place, and no others") {
  Settings settings;
  Accounts accounts(settings.limits);
  NameTable names(accounts);
  std::vector<std::unique_ptr<Job>> jobs;
  for (int i = 0; i < 10; ++i) jobs.push_back(std::make_unique<Job>(new_job_id()));
  // Owner 1 has those of even index, owner 2 the others; in no order.
  for (const std::size_t i : {4U, 9U, 0U, 7U, 2U, 1U, 8U, 3U, 6U, 5U})
    names.hold(1 + i % 2, "name " + std::to_string(i), *jobs[i]);
  std::size_t visits = 0;
  const auto met = [&](std::uint32_t owner, const JobId& below, std::size_t most) {
    std::vector<std::size_t> all;
    names.each_held(owner, below, [&](const Job& job) {
      ++visits;
      all.push_back(static_cast<std::size_t>(
          std::find_if(jobs.begin(), jobs.end(), [&](const auto& j) { return j.get() == &job; }) -
          jobs.begin()));
      return all.size() < most;
    });
    return all;
  };
  using Met = std::vector<std::size_t>;
  CHECK(met(1, {}, 99) == Met{8, 6, 4, 2, 0});
  visits = 0;
  CHECK(met(1, jobs[6]->id, 2) == Met{4, 2});
  CHECK(visits == 2);
  CHECK(met(3, {}, 99).empty());
  // A name that goes to another job, one that is forgotten, and one that is renewed.
  names.hold(1, "name 8", *jobs[1]);
  names.bury(*names.find(1, "name 4"), State::forgotten, {}, 0);
  names.hold(1, "name 2", *jobs[2]);
  CHECK(met(1, {}, 99) == Met{6, 2, 1, 0});
  CHECK(met(2, {}, 99) == Met{9, 7, 5, 3, 1});
}

TEST_CASE("a set of ids agrees with an ordinary set under random insertions and removals") {
  std::mt19937 random(11);
  std::vector<JobId> ids;
  for (int i = 0; i < 3000; ++i) ids.push_back(new_job_id());
  std::set<JobId> model;
  IdSet subject(42);
  for (int i = 0; i < 100'000; ++i) {
    // Grows in the first half, and shrinks in the second.
    const JobId& id = ids[random() % ids.size()];
    if (random() % 10 < (i < 50'000 ? 7U : 3U)) {
      if (model.insert(id).second) subject.insert(id);
    } else {
      REQUIRE(subject.erase(id) == (model.erase(id) > 0));
    }
    REQUIRE(subject.size() == model.size());
    const JobId& other = ids[random() % ids.size()];
    REQUIRE(subject.contains(other) == model.contains(other));
  }
  for (const JobId& id : ids) CHECK(subject.contains(id) == model.contains(id));
}

TEST_CASE("a table of jobs finds each by its id while others come and go, and goes over all of them") {
  std::mt19937 random(12);
  std::vector<JobId> ids;
  for (int i = 0; i < 3000; ++i) ids.push_back(new_job_id());
  std::map<JobId, Job*> model;
  JobTable subject(42);
  for (int i = 0; i < 100'000; ++i) {
    const JobId& id = ids[random() % ids.size()];
    const auto known = model.find(id);
    REQUIRE(subject.find(id) == (known == model.end() ? nullptr : known->second));
    if (random() % 10 < (i < 50'000 ? 7U : 3U)) {
      if (known == model.end()) model[id] = &subject.make(id);
    } else if (known != model.end()) {
      subject.erase(*known->second);
      model.erase(known);
    }
    REQUIRE(subject.size() == model.size());
  }
  std::set<JobId> seen;
  for (const Job* job : subject) seen.insert(job->id);
  CHECK(seen.size() == model.size());
  for (const auto& [id, job] : model) CHECK(seen.contains(id));
}

TEST_CASE("a table of fingerprints keeps apart what has the same one") {
  struct Slot {
    std::uint64_t print = 0;
    int value = 0;
  };
  FingerprintTable<Slot> subject;
  const auto find = [&](std::uint64_t print, int value) {
    return subject.find(print, [&](const Slot& slot) { return slot.value == value; });
  };
  CHECK(find(64, 1) == nullptr);
  // All want the same place.
  for (int value = 1; value <= 3; ++value) subject.insert({64, value});
  for (int value = 4; value <= 6; ++value) subject.insert({128, value});
  subject.erase(*find(64, 2));
  CHECK(subject.size() == 5);
  CHECK(find(64, 2) == nullptr);
  for (const int value : {1, 3}) CHECK(find(64, value) != nullptr);
  for (const int value : {4, 5, 6}) CHECK(find(128, value) != nullptr);
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
