// SPDX-License-Identifier: Apache-2.0
// What the program of the built-in exec is called with, for calls that the daemon itself makes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/payload.hpp"

namespace promised {

/// The encoded arguments that run `words` with `variables` on top of the worker's environment and `input` on
/// stdin; a status other than 0 is a failure of the job.
[[nodiscard]] Payload exec_arguments(const std::vector<std::string>& words,
                                     const std::map<std::string, std::string>& variables,
                                     const std::string& input);

}  // namespace promised
