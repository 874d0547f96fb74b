// SPDX-License-Identifier: Apache-2.0
// What is said at the end of a command that went wrong: one line, with all that was not accepted in it.
#pragma once

#include <promised/client.hpp>

#include <string>
#include <vector>

#include "cli/trouble.hpp"

namespace promised::cli {

/// Adds to the trouble's message each submission that was not accepted, unless the message names the job
/// already.
void add_unaccepted(Trouble& trouble, const std::vector<Unaccepted>& unaccepted);

/// What the client had to say by itself, without what only repeats that a job was not accepted.
[[nodiscard]] std::vector<std::string> other_warnings(const std::vector<std::string>& warnings,
                                                      const std::vector<Unaccepted>& unaccepted);

}  // namespace promised::cli
