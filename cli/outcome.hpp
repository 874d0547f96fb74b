// SPDX-License-Identifier: Apache-2.0
// How a job ended, on stdout and in the exit code: what `run`, `result` and `submit --wait` have in common.
#pragma once

#include <promised/client.hpp>

#include <chrono>
#include <cstdint>

#include "cli/exit_code.hpp"
#include "cli/invocation.hpp"

namespace promised::cli {

/// Whether the outcome stays under its name (SEMANTICS R7).
enum class Fetch : std::uint8_t { keep, take };

/// Waits for the job's end and prints its value; what else became of it goes to stderr (as JSON: to stdout
/// too). Throws what is not an outcome: TimeoutError, DisconnectedError, NoSuchFuture, RefusedError,
/// NameTaken.
[[nodiscard]] ExitCode print_outcome(const Invocation& invocation, const AnyFuture& future,
                                     std::chrono::milliseconds timeout, Fetch fetch = Fetch::keep);

}  // namespace promised::cli
