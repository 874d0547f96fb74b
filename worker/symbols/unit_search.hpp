// SPDX-License-Identifier: Apache-2.0
// Which compilation unit an address belongs to.
#pragma once

#include <cstdint>
#include <optional>

#include "worker/symbols/budget.hpp"
#include "worker/symbols/unit.hpp"

namespace promised::symbols {

/// By the table of the addresses of all units, which g++ writes; else by looking at the first entry of each.
/// None if no unit has the address, or the budget is spent.
[[nodiscard]] std::optional<Unit> find_unit(const Sections& sections, std::uint64_t address, Budget& budget);

/// The unit that the entry at that offset of Sections::info belongs to.
[[nodiscard]] std::optional<Unit> unit_of_entry(const Sections& sections, std::uint64_t offset,
                                                Budget& budget);

}  // namespace promised::symbols
