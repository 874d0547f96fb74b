// SPDX-License-Identifier: Apache-2.0
// Counts what is in a text.
#pragma once

#include <string>
#include <string_view>

#include "examples/analyser/analysis.hpp"
#include "examples/analyser/document.hpp"

namespace analyser {

/// All but path and microseconds. A word is a run of letters, digits and apostrophes that begins with a
/// letter; words are counted without regard to the case of ASCII letters, and those of fewer than four
/// letters are not among the frequent ones: they tell nothing about a document.
[[nodiscard]] Analysis analyse(const Document& document, const Wishes& wishes);

}  // namespace analyser
