// SPDX-License-Identifier: Apache-2.0
// Outcomes as values: what a job has come to, as the first argument of those that follow it, and in the list
// that a composite comes to (SEMANTICS C1, C4). The results in them, and the arguments behind them, are not
// looked at: their bytes are copied to where they belong. <promised/outcome.hpp> reads what is written here.
#pragma once

#include <promised/outcome.hpp>

#include <span>
#include <string>
#include <string_view>

#include "common/payload.hpp"

namespace promised::wire {

/// An encoded Value: a map. `result`: the encoded value of a job that has succeeded, in the place of
/// outcome.value.
[[nodiscard]] std::string encode_outcome(const Outcome& outcome, std::string_view result);
/// An encoded Value: the list of these.
[[nodiscard]] std::string encode_list(std::span<const std::string> values);
/// Encoded Arguments: those of `arguments` with `value` before them.
[[nodiscard]] Payload with_first(std::string_view value, std::string_view arguments);

}  // namespace promised::wire
