// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/decide/property/shrink.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace promised::test {
namespace {

Story without(const Story& story, std::size_t begin, std::size_t end) {
  Story rest{story.setup, {}};
  rest.steps.reserve(story.steps.size() - (end - begin));
  const auto at = [&](std::size_t i) { return story.steps.begin() + static_cast<std::ptrdiff_t>(i); };
  std::copy(at(0), at(begin), std::back_inserter(rest.steps));
  std::copy(at(end), story.steps.end(), std::back_inserter(rest.steps));
  return rest;
}

}  // namespace

Shrunk shrink(Story story, const Breaks& breaks, int most_runs) {
  Shrunk best{std::move(story), {}};
  best.what = breaks(best.story).value_or("");
  bool shorter = true;
  while (shorter && most_runs > 0) {
    shorter = false;
    for (std::size_t piece = std::max<std::size_t>(best.story.steps.size() / 2, 1); piece > 0; piece /= 2) {
      // From the end: what comes after the defect is of no use.
      for (std::size_t end = best.story.steps.size(); end > 0 && most_runs > 0;) {
        const std::size_t begin = end > piece ? end - piece : 0;
        Story tried = without(best.story, begin, end);
        --most_runs;
        if (auto what = breaks(tried)) {
          best = {std::move(tried), *std::move(what)};
          shorter = true;
        }
        end = begin;
      }
    }
  }
  return best;
}

}  // namespace promised::test
