// SPDX-License-Identifier: Apache-2.0
// The daemon's status at one glance (SEMANTICS M1).
#pragma once

#include <promised/views.hpp>

#include <ostream>

namespace promised::cli {

void print_status(std::ostream& out, const StatusView& status, WallClock now);

}  // namespace promised::cli
