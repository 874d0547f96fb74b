// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/decide/property/story.hpp"

#include <array>
#include <numeric>

namespace promised::test {
namespace {

struct Trait {
  const char* word;
  std::uint64_t weight;  ///< how often, of all
};

constexpr std::array<Trait, static_cast<std::size_t>(Step::Kind::count)> kTraits{{
    {"submit", 300},   {"follow", 40},       {"tree", 25},     {"cancel", 25},      {"withdraw", 12},
    {"adjust", 10},    {"remember", 12},     {"forget", 8},    {"retry", 20},       {"look", 6},
    {"explain", 60},   {"subscribe", 30},    {"read", 30},     {"acknowledge", 40}, {"leave", 8},
    {"come back", 20}, {"start worker", 60}, {"claim", 90},    {"finish", 260},     {"crash", 15},
    {"obey", 60},      {"progress", 20},     {"wait for", 60}, {"stale", 3},        {"time", 90},
    {"commit", 40},    {"slow disk", 6},     {"reload", 8},    {"pause", 10},       {"policy", 8},
    {"clear", 6},      {"quota", 10},        {"restart", 4},
}};

/// Each story has a character of its own: some things happen often in it, and some never.
std::array<std::uint64_t, kTraits.size()> weights(Dice& dice) {
  std::array<std::uint64_t, kTraits.size()> weights{};
  constexpr std::array<std::uint64_t, 6> kFactors{0, 1, 2, 2, 4, 10};
  for (std::size_t i = 0; i < kTraits.size(); ++i)
    weights[i] = kTraits[i].weight * kFactors[dice.below(kFactors.size())];
  weights[static_cast<std::size_t>(Step::Kind::submit)] += kTraits[0].weight;
  return weights;
}

}  // namespace

JobId make_id(IdOf of, std::uint64_t number) {
  std::array<std::uint8_t, JobId::kSize> bytes{};
  for (std::size_t i = 0; i < 4; ++i) bytes[2 + i] = static_cast<std::uint8_t>(number >> (8 * (3 - i)));
  bytes[6] = 0x70;
  bytes[7] = static_cast<std::uint8_t>(of);
  std::uint64_t hash = Dice(number * 4 + bytes[7]).roll();
  for (std::size_t i = 8; i < JobId::kSize; ++i, hash >>= 8) bytes[i] = static_cast<std::uint8_t>(hash);
  return JobId(bytes);
}

Story make_story(std::uint64_t seed, std::size_t steps) {
  Dice dice(seed);
  Story story{dice.roll(), {}};
  const auto weight = weights(dice);
  const std::uint64_t all = std::accumulate(weight.begin(), weight.end(), std::uint64_t{0});
  std::uint32_t jobs = 0;
  story.steps.reserve(steps);
  while (story.steps.size() < steps) {
    std::uint64_t at = dice.below(all);
    std::size_t kind = 0;
    while (at >= weight[kind]) at -= weight[kind++];
    Step step{static_cast<Step::Kind>(kind), dice.below(4) == 0, static_cast<std::uint32_t>(dice.below(64)),
              0, dice.roll()};
    // Of the jobs that there are, the later ones more often.
    const std::uint64_t recent = dice.below(4) == 0 ? jobs : 12;
    const std::uint64_t back = dice.below(recent == 0 ? 1 : recent);
    step.job =
        step.kind <= Step::Kind::tree ? jobs++ : jobs - static_cast<std::uint32_t>(back < jobs ? back : 0);
    story.steps.push_back(step);
  }
  return story;
}

std::string to_text(const Story& story) {
  std::string text = "setup " + std::to_string(story.setup) + "\n";
  for (const Step& step : story.steps) {
    text += std::string("  ") + kTraits[static_cast<std::size_t>(step.kind)].word + ": who " +
            std::to_string(step.who) + ", job " + std::to_string(step.job) + ", detail " +
            std::to_string(step.detail) + (step.joined ? ", joined" : "") + "\n";
  }
  return text;
}

}  // namespace promised::test
