// SPDX-License-Identifier: Apache-2.0
// The rounds: in each, every system is measured once for every metric, one after the other, so that a machine
// that slows down or speeds up meanwhile does so for all of them.
#pragma once

#include <chrono>
#include <ostream>

#include "bench/figures.hpp"
#include "bench/systems.hpp"

namespace promised::bench {

inline constexpr int kRounds = 3;

/// Takes about `total`. Throws std::runtime_error where a system does not do what it should, such as
/// returning a job's argument unchanged.
[[nodiscard]] Figures measure(const Systems& systems, std::chrono::duration<double> total,
                              std::ostream& progress);

}  // namespace promised::bench
