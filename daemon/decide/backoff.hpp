// SPDX-License-Identifier: Apache-2.0
// How long a failed job rests before its next attempt (SEMANTICS A1).
#pragma once

#include <promised/types.hpp>

#include <cstdint>

#include "common/clock.hpp"

namespace promised {

/// The pause after that many failed attempts, at least one. `random`: any 64 bits, from which the jitter is
/// taken.
[[nodiscard]] Millis pause_after(std::uint32_t failed, const Backoff& backoff, std::uint64_t random);

/// Whether the same call may do better the next time.
[[nodiscard]] bool is_worth_retrying(const Failure& failure);

}  // namespace promised
