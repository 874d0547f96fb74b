// SPDX-License-Identifier: Apache-2.0
// The variables by which processes are told to be a worker's. They are in the environment of every worker,
// and so of what it starts; the spawner puts them there, and nobody else may.
#pragma once

#include <string_view>

namespace promised {

/// The number of the worker. Tells whose an orphan is that has made a session of its own.
inline constexpr char kWorkerVariable[] = "PROMISED_WORKER";
/// The state directory and the spawner, as mark_of() writes them.
inline constexpr char kStateVariable[] = "PROMISED_STATE";

[[nodiscard]] constexpr bool is_worker_mark(std::string_view variable) {
  return variable == kWorkerVariable || variable == kStateVariable;
}

}  // namespace promised
