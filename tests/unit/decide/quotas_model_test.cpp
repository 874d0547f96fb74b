// SPDX-License-Identifier: Apache-2.0
// Lanes under random events, held against what looking at all jobs finds.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/decide/yard.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

/// What is to be true of lanes at any time, found out by looking at all jobs.
class Model {
 public:
  explicit Model(unsigned seed) : random_(seed), yard_(3) {
    yard_.lanes.configure("q0", {.weight = 3});
    yard_.lanes.configure("q1", {.ageing = 1ms});
    yard_.lanes.configure("q2", {.weight = 2, .jobs = 1, .per = 1ms, .burst = 2});
    for (int i = 0; i < 3; ++i) yard_.lanes.configure_quota("n" + std::to_string(i), 1 + pick(3));
  }

  void step() {
    yard_.clock += std::chrono::microseconds(pick(400));
    switch (pick(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        waiting_.push_back(&yard_.add("q" + std::to_string(pick(5)), options(), pick(2) == 0 ? "f" : "g"));
        break;
      case 4:
      case 5:
      case 6:
        run(pick(yard_.lines.size()));
        break;
      case 7:
        if (running_.empty()) break;
        yard_.end(take(running_));
        break;
      case 8:
        if (waiting_.empty()) break;
        yard_.end(take(waiting_));
        break;
      case 9:
        pick(2) == 0 ? yard_.lanes.pause("q" + std::to_string(pick(5)))
                     : yard_.lanes.resume("q" + std::to_string(pick(5)));
        break;
      case 10:
        yard_.lanes.configure_quota("n" + std::to_string(pick(3)), pick(4));
        break;
      case 11:
        step_time();
        break;
    }
    while (Lane* stale = yard_.lanes.stale()) yard_.lanes.erase(*stale);
    for (Line& line : yard_.lines) check(line);
  }

 private:
  std::size_t pick(std::size_t below) { return random_() % below; }
  Job& take(std::vector<Job*>& from) {
    std::swap(from[pick(from.size())], from.back());
    Job& job = *from.back();
    from.pop_back();
    return job;
  }
  Options options() {
    Options options;
    options.priority(static_cast<int>(pick(3)));
    for (std::size_t i = pick(4); i-- > 1;) {
      if (pick(2) == 0) {
        options.quota("n" + std::to_string(pick(3)));
      } else {
        options.quota("k" + std::to_string(pick(3)), 1 + static_cast<std::uint32_t>(pick(2)));
      }
    }
    return options;
  }
  void step_time() {
    yard_.now += 500us;
    Queue& queue = *yard_.lanes.find_queue("q2");
    if (queue.spent && queue.opens <= yard_.now) yard_.lanes.refill(queue);
  }
  void run(std::size_t pool) {
    Job* job = yard_.run(pool);
    if (job == nullptr) return;
    std::erase(waiting_, job);
    if (pick(8) == 0) {
      yard_.lanes.take_back(*job, yard_.lines[pool]);
      yard_.lanes.push(*job);
      waiting_.push_back(job);
      return;
    }
    running_.push_back(job);
    if (const CapSet* caps = job->lane->caps; caps != nullptr) {
      for (const Cap* cap : caps->caps) REQUIRE(cap->quota->running <= cap->size());
    }
  }
  static bool can_run(const Job& job) {
    return job.lane->queue->open() && (job.lane->caps == nullptr || job.lane->caps->full() == nullptr);
  }
  static bool includes(const CapSet* all, const CapSet* some) {
    if (some == nullptr) return true;
    if (all == nullptr) return false;
    return std::all_of(some->caps.begin(), some->caps.end(), [&](const Cap* cap) {
      return std::find(all->caps.begin(), all->caps.end(), cap) != all->caps.end();
    });
  }
  static Lane::Turn turn(const Job& job) {
    const auto ageing = std::chrono::microseconds(job.lane->queue->policy.ageing).count();
    return {ageing == 0 ? -job.priority : job.submitted.time_since_epoch().count() - job.priority * ageing,
            job.submitted};
  }
  void check(Line& line) {
    const LaneSeat* seat = yard_.lanes.next(line);
    const bool any = std::any_of(waiting_.begin(), waiting_.end(), [](const Job* j) { return can_run(*j); });
    REQUIRE((seat != nullptr) == any);
    if (seat == nullptr) return;
    const Job& next = *seat->lane->best();
    REQUIRE(can_run(next));
    for (const Job* other : waiting_) {
      if (other->lane->queue != next.lane->queue || !can_run(*other)) continue;
      // Nothing overtakes what needs no more than it takes itself.
      if (includes(next.lane->caps, other->lane->caps)) REQUIRE(turn(next) <= turn(*other));
    }
  }

  std::mt19937 random_;
  Yard yard_;
  std::vector<Job*> waiting_;
  std::vector<Job*> running_;
};

}  // namespace

TEST_CASE(
    "Q3 whenever a job can go, its lane stands in the line: at random, with quotas, weights, rates and "
    "pauses") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Model model(seed);
    for (int i = 0; i < 3000; ++i) model.step();
  }
}
