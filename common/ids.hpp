// SPDX-License-Identifier: Apache-2.0
// UUIDv7 (RFC 9562): 48 bits of milliseconds, then random bits, so that ids made one after another sort
// together.
#pragma once

#include <promised/types.hpp>

namespace promised {

/// A new id. Thread-safe; the random bits come from getrandom(2) through a per-thread generator, reseeded
/// after fork.
[[nodiscard]] JobId new_job_id();

/// 64 random bits from the kernel.
[[nodiscard]] std::uint64_t random_seed();

}  // namespace promised
