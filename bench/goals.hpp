// SPDX-License-Identifier: Apache-2.0
// What must be true of the figures: the daemon beside its peers, within one run.
#pragma once

#include <ostream>

#include "bench/figures.hpp"

namespace promised::bench {

/// Prints each goal with its figures, and whether it is met; a goal whose peer was not measured is said to be
/// open. False if one is missed.
[[nodiscard]] bool check_goals(const Figures& figures, std::ostream& out);

}  // namespace promised::bench
