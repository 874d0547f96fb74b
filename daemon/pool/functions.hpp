// SPDX-License-Identifier: Apache-2.0
// What a worker may say that it can run. The worker library keeps to it; other programs may speak the
// protocol too.
#pragma once

#include <cstddef>
#include <vector>

#include <promised/views.hpp>

#include "common/result.hpp"

namespace promised {

inline constexpr std::size_t kMostFunctions = 10'000;
/// Of all names and signatures together.
inline constexpr std::size_t kMostFunctionBytes = std::size_t{1} << 20;

/// Whether they are within these limits, and their names can be names (function_name.hpp); code "protocol".
[[nodiscard]] Result<void> check_functions(const std::vector<FunctionView>& functions);

}  // namespace promised
