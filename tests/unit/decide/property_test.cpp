// SPDX-License-Identifier: Apache-2.0
// Stories that nobody has thought of, against the scheduler (property/world.hpp says what must hold).
//   PROMISED_PROPERTY_SEED    the first seed; each story has the next. By default a new one, which is printed
//   PROMISED_PROPERTY_EVENTS  after so many events it is enough; by default any number
//   PROMISED_PROPERTY_SECONDS and after so many seconds; by default 2
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <random>

#include "tests/unit/decide/property/shrink.hpp"
#include "tests/unit/decide/property/world.hpp"

using namespace promised;
using namespace promised::test;

namespace {

constexpr std::size_t kSteps = 400;

std::uint64_t number_from(const char* variable, std::uint64_t usual) {
  const char* given = std::getenv(variable);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : usual;
}

std::optional<std::string> broken(const Story& story) {
  try {
    (void)live(story);
    return std::nullopt;
  } catch (const Violation& violation) {
    return violation.what();
  }
}

/// The shortest story that the seed's one comes to, for who mends it.
void report(std::uint64_t seed, const Story& story, const std::string& what) {
  const Shrunk shrunk = shrink(story, broken);
  FAIL("PROMISED_PROPERTY_SEED=" << seed << " breaks a promise: " << what << "\nshortened to "
                                 << shrunk.story.steps.size() << " steps: " << shrunk.what << "\n"
                                 << to_text(shrunk.story));
}

}  // namespace

TEST_CASE("whatever happens in whatever order, every promise of the scheduler holds") {
  const std::uint64_t first = number_from("PROMISED_PROPERTY_SEED", std::random_device()());
  const std::uint64_t events = number_from("PROMISED_PROPERTY_EVENTS", UINT64_MAX);
  const std::chrono::seconds most(number_from("PROMISED_PROPERTY_SECONDS", 2));
  MESSAGE("PROMISED_PROPERTY_SEED=" << first);
  const auto enough = std::chrono::steady_clock::now() + most;
  Tally tally;
  std::uint64_t seed = first;
  for (; tally.events < events && std::chrono::steady_clock::now() < enough; ++seed) {
    const Story story = make_story(seed, kSteps);
    try {
      tally.add(live(story));
    } catch (const Violation& violation) {
      report(seed, story, violation.what());
    }
  }
  MESSAGE("stories: " << seed - first << ", events: " << tally.events << ", jobs: " << tally.jobs
                      << ", outcomes: " << tally.outcomes << ", dispatches: " << tally.dispatches
                      << ", restarts: " << tally.restarts << ", waits: " << tally.waits
                      << ", spoilt workers: " << tally.spoilt << ", from disk: " << tally.from_disk
                      << ", interrupted: " << tally.interrupted << ", retried: " << tally.retried
                      << ", joined: " << tally.joined << ", followed: " << tally.followed
                      << ", composites: " << tally.composites << ", explained: " << tally.explained
                      << ", news: " << tally.news << ", lost news: " << tally.lost_news
                      << ", commands: " << tally.commands << ", cleared: " << tally.cleared);
}

TEST_CASE("the stories have everything in them that may happen") {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) tally.add(live(make_story(seed, kSteps)));
  CHECK(tally.jobs > 1000);
  CHECK(tally.outcomes > 1000);
  CHECK(tally.dispatches > 1000);
  CHECK(tally.restarts > 10);
  CHECK(tally.waits > 50);
  CHECK(tally.spoilt > 50);
  CHECK(tally.from_disk > 50);
  CHECK(tally.interrupted > 0);
  CHECK(tally.retried > 100);
  CHECK(tally.joined > 10);
  CHECK(tally.followed > 100);
  CHECK(tally.composites > 50);
  CHECK(tally.explained > 200);
  CHECK(tally.news > 1000);
  CHECK(tally.lost_news > 0);
  CHECK(tally.commands > 100);
  CHECK(tally.cleared > 20);
}

TEST_CASE("a story that breaks something is shortened to what breaks it") {
  // As if a cancel that comes anywhere after a reload were a defect.
  const Breaks breaks = [](const Story& story) -> std::optional<std::string> {
    bool reloaded = false;
    for (const Step& step : story.steps) {
      reloaded |= step.kind == Step::Kind::reload;
      if (reloaded && step.kind == Step::Kind::cancel) return "cancelled after a reload";
    }
    return std::nullopt;
  };
  std::uint64_t seed = 1;
  while (!breaks(make_story(seed, kSteps))) ++seed;
  const Shrunk shrunk = shrink(make_story(seed, kSteps), breaks);
  CHECK(shrunk.what == "cancelled after a reload");
  REQUIRE(shrunk.story.steps.size() == 2);
  CHECK(shrunk.story.steps[0].kind == Step::Kind::reload);
  CHECK(shrunk.story.steps[1].kind == Step::Kind::cancel);
}

TEST_CASE("a seed makes the same story, and a story the same life, each time") {
  const Story story = make_story(7, kSteps);
  CHECK(to_text(story) == to_text(make_story(7, kSteps)));
  const Tally once = live(story);
  const Tally again = live(story);
  CHECK(once.events == again.events);
  CHECK(once.dispatches == again.dispatches);
  CHECK(once.outcomes == again.outcomes);
}
