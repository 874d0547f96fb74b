// SPDX-License-Identifier: Apache-2.0
// "Did you mean …": the known names that are closest to a misspelt one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace promised {

/// Up to `most` of `known`, closest first by edit distance (a transposition counts one), leaving out those
/// that share too little with `wanted` to help.
[[nodiscard]] std::vector<std::string> nearest(std::string_view wanted, const std::vector<std::string>& known,
                                               std::size_t most = 3);

/// "; did you mean a, b or c?", or nothing where there is no near name.
[[nodiscard]] std::string did_you_mean(std::string_view wanted, const std::vector<std::string>& known);

}  // namespace promised
