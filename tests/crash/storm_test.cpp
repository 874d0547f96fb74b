// SPDX-License-Identifier: Apache-2.0
// A load of submitters and waiters, and a daemon that dies in every way, again and again.
#include <doctest/doctest.h>
#include <signal.h>

#include <array>
#include <cerrno>

#include "tests/crash/storm.hpp"

namespace promised::test {
namespace {

/// Operations of a life before the plan strikes, at most: some tens of commits.
constexpr std::uint64_t kMostOperations = 1500;

PowerCut choose_cut(std::mt19937_64& random) {
  constexpr std::array kCuts{PowerCut::none, PowerCut::all_dropped, PowerCut::some_dropped};
  return kCuts[random() % kCuts.size()];
}

/// Every third life is killed from outside, the others in the middle of a step towards the disk. A short one
/// does not come to an end of recovery.
FaultPlan choose_kill(std::mt19937_64& random) {
  constexpr std::array kActs{"kill_before", "kill_after", "kill_half"};
  if (random() % 3 == 0) return {};
  return {.act = kActs[random() % kActs.size()],
          .at = 1 + random() % (random() % 4 == 0 ? 40 : kMostOperations)};
}

FaultPlan choose_failure(std::mt19937_64& random) {
  constexpr std::array kErrors{ENOSPC, EIO, EROFS};
  FaultPlan plan{.act = random() % 4 == 0 ? "short" : "fail",
                 .error = kErrors[random() % kErrors.size()],
                 .stays = random() % 2 == 0};
  // What fails first says what becomes of the daemon: on a full disk there is to be no second failure.
  if (random() % 2 == 0 && plan.error != ENOSPC) {
    plan.chance = 500;
    plan.seed = random();
  } else {
    plan.at = 1 + random() % kMostOperations;
  }
  return plan;
}

/// Writing, and what is done to a result's file, which the next try makes anew: where the disk is full these
/// wait for space. All else ends the daemon.
bool may_be_tried_again(const Faults::Step& step) {
  return step.operation == Operation::write || step.place == Place::results;
}

TEST_CASE("S2 R9 A4 nothing that was accepted is lost or ends twice, wherever the daemon is killed") {
  Storm storm(choose_seed());
  for (std::size_t life = choose_count("PROMISED_CRASH_LIVES", 12); life > 0; --life) {
    const FaultPlan plan = choose_kill(storm.random());
    const Exit exit = storm.live_and_die(plan, choose_cut(storm.random()));
    CHECK(exit == Exit{0, SIGKILL});
  }
  storm.settle();
}

TEST_CASE("DESIGN 2.8 nothing that was accepted is lost, whatever of the disk fails") {
  constexpr int kStoreFailed = 74;
  Storm storm(choose_seed());
  for (std::size_t life = choose_count("PROMISED_CRASH_LIVES", 12); life > 0; --life) {
    const FaultPlan plan = choose_failure(storm.random());
    const PowerCut cut = choose_cut(storm.random());
    const bool full = plan.error == ENOSPC;
    const Exit exit = full ? storm.fill_up_and_die(plan, cut) : storm.live_and_die(plan, cut);
    CAPTURE(to_string(plan));
    REQUIRE(storm.faults().struck().has_value());
    const bool survived = full && may_be_tried_again(*storm.faults().struck());
    if (storm.was_ready()) CHECK(exit == (survived ? Exit{0, SIGKILL} : Exit{kStoreFailed, 0}));
    if (!storm.was_ready()) CHECK(exit.code != 0);
  }
  storm.settle();
}

}  // namespace
}  // namespace promised::test
