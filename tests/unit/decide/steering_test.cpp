// SPDX-License-Identifier: Apache-2.0
// Q2, Q4 What holds for a queue or a quota: what is configured, and what was said over it.
#include "daemon/decide/steering.hpp"

#include <doctest/doctest.h>

using namespace promised;
using namespace std::chrono_literals;

namespace {

QueueSettings queue(const std::string& name, std::uint32_t weight) {
  QueueSettings settings;
  settings.name = name;
  settings.weight = weight;
  return settings;
}

}  // namespace

TEST_CASE("Q2 a queue of which nobody has said anything is served as all are") {
  const Settings settings;
  const Steering steering(settings);
  CHECK(steering.rule("any") == QueueRule());
  CHECK(steering.named_queues().empty());
  CHECK(steering.quotas().empty());
}

TEST_CASE("Q2 a section with the very name goes before globs, and the first glob before others") {
  Settings settings;
  settings.queues = {queue("a*", 2), queue("a1", 3), queue("*", 4), queue("?2", 5)};
  const Steering steering(settings);
  CHECK(steering.rule("a1").weight == 3);
  CHECK(steering.rule("a2").weight == 2);
  CHECK(steering.rule("b2").weight == 4);
  CHECK(steering.named_queues() == std::vector<std::string>{"a1"});
}

TEST_CASE("Q2 every key of the configuration holds, and every one that can be said is said over it") {
  Settings settings;
  settings.queues = {{"q", 2, 10min, {1, 1s, 0}, 5, true, true}};
  Steering steering(settings);
  QueueRule wanted{2, 10min, {1, 1s, 0}, 5, true, true, false};
  CHECK(steering.rule("q") == wanted);
  steering.say("q", {.paused = false, .draining = true, .weight = 7, .rate = Rate{}, .max_length = 0});
  wanted = {7, 10min, {}, 0, true, false, true};
  CHECK(steering.rule("q") == wanted);
}

TEST_CASE("Q2 what is said adds to what was said, and what the configuration says anyway is not remembered") {
  Settings settings;
  settings.queues = {queue("q", 2)};
  Steering steering(settings);
  steering.say("q", {.paused = true});
  const SteeredQueue both = steering.say("q", {.weight = 3});
  CHECK(both.said == QueueChange{.paused = true, .weight = 3});
  CHECK(both.configured == QueueChange{.paused = false, .weight = 2});
  CHECK(steering.say("q", {.weight = 2}).said == QueueChange{.paused = true});
  CHECK(steering.say("q", {.paused = false}).said.empty());
  CHECK(steering.rule("q").weight == 2);
}

TEST_CASE("Q2 what was said holds until the configuration says something else of the same key") {
  Settings settings;
  settings.queues = {queue("q", 2)};
  Steering steering(settings);
  const SteeredQueue said = steering.say("q", {.paused = true, .weight = 3});

  settings.queues[0].max_length = 9;  // another key
  CHECK(steering.configure().queues.empty());
  CHECK(steering.rule("q").weight == 3);

  settings.queues[0].weight = 4;
  const auto changed = steering.configure();
  REQUIRE(changed.queues.size() == 1);
  CHECK(changed.queues[0].said == QueueChange{.paused = true});
  CHECK(steering.rule("q").weight == 4);
  CHECK(steering.rule("q").paused);

  SUBCASE("also where the change came while the daemon was not running") {
    Steering next(settings);
    next.restore(said);
    CHECK(next.configure().queues.size() == 1);
    CHECK(next.rule("q").weight == 4);
    CHECK(next.rule("q").paused);
  }
  SUBCASE("and is gone when the configuration comes to say the same") {
    settings.queues[0].paused = true;
    REQUIRE(steering.configure().queues.size() == 1);
    settings.queues[0].paused = false;
    CHECK(steering.configure().queues.empty());
    CHECK_FALSE(steering.rule("q").paused);
  }
}

TEST_CASE("Q4 a quota is resized, removed and made, until the configuration says something else") {
  Settings settings;
  settings.quotas = {{"mail", 4}, {"disk", 2}};
  Steering steering(settings);
  CHECK(steering.quota("mail") == 4U);
  CHECK_FALSE(steering.quota("none"));
  CHECK(steering.say("mail", 7).configured == 4U);
  steering.say("disk", std::nullopt);
  steering.say("new", 1);
  CHECK(steering.quotas() == std::map<std::string, std::uint64_t>{{"mail", 7}, {"new", 1}});
  CHECK_FALSE(steering.quota("disk"));
  CHECK(steering.configure().quotas.empty());

  settings.quotas[0].size = 5;
  settings.quotas.push_back({"new", 9});
  CHECK(steering.configure().quotas.size() == 2);
  CHECK(steering.quotas() == std::map<std::string, std::uint64_t>{{"mail", 5}, {"new", 9}});

  const SteeredQuota back = steering.say("disk", 2);
  CHECK(back.size == back.configured);
  CHECK(steering.quotas().at("disk") == 2);
}

TEST_CASE("Q4 a quota that was made at run time and is removed leaves nothing to remember") {
  const Settings settings;
  Steering steering(settings);
  steering.say("new", 1);
  const SteeredQuota gone = steering.say("new", std::nullopt);
  CHECK(gone.size == gone.configured);
  CHECK(steering.quotas().empty());
}
