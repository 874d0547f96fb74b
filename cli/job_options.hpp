// SPDX-License-Identifier: Apache-2.0
// What a call may say of its job, beside function and arguments: the options of `submit` and `run`, which are
// the keys of "options" in the description of a composite too (cli/composite.hpp).
#pragma once

#include <promised/types.hpp>

#include <boost/program_options/options_description.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "cli/invocation.hpp"

namespace promised::cli {

void add_job_options(boost::program_options::options_description& to);
/// Throws UsageError, which names the option.
[[nodiscard]] Options read_job_options(const Invocation& invocation);

/// `--lifespan`: a duration or `forever`; throws UsageError.
[[nodiscard]] std::optional<std::chrono::milliseconds> read_lifespan(const Invocation& invocation);

/// `raise`, `replace`, `attach` or `keep`; throws UsageError.
[[nodiscard]] Duplicate parse_duplicate(const std::string& text);

}  // namespace promised::cli
