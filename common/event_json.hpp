// SPDX-License-Identifier: Apache-2.0
// An event as a line of JSON, the shape of docs/promisectl.md, format 1: what `promisectl events` prints, and
// what a command that follows an outcome reads from stdin.
#pragma once

#include <promised/views.hpp>

#include <string>

namespace promised {

/// Without a line end; ASCII alone. Text that is not UTF-8 has its bad bytes replaced by U+FFFD.
[[nodiscard]] std::string event_json(const JobEvent& event);

}  // namespace promised
