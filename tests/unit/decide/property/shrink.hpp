// SPDX-License-Identifier: Apache-2.0
// A story that breaks a promise, made shorter while it still does.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "tests/unit/decide/property/story.hpp"

namespace promised::test {

/// What a story breaks; nothing: it goes well.
using Breaks = std::function<std::optional<std::string>(const Story&)>;

struct Shrunk {
  Story story;
  std::string what;  ///< that it breaks
};

/// `story` must break something. Leaves out steps as long as something is still broken, in ever smaller
/// pieces, with at most `most_runs` runs; no single step of what comes out can be left out if they suffice.
[[nodiscard]] Shrunk shrink(Story story, const Breaks& breaks, int most_runs = 20'000);

}  // namespace promised::test
