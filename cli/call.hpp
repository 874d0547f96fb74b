// SPDX-License-Identifier: Apache-2.0
// The call that `submit` and `run` make of their command line: function, arguments, options.
#pragma once

#include <promised/client.hpp>

#include <boost/program_options/option.hpp>
#include <boost/program_options/options_description.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cli/invocation.hpp"

namespace promised::cli {

/// The options of a call, with the ways to give arguments.
[[nodiscard]] boost::program_options::options_description call_options();
/// What the help says of arguments.
[[nodiscard]] const char* arguments_help();

/// An argument: JSON where it is JSON, else text. Throws UsageError, in which `place` says which it is, as in
/// "argument 2".
[[nodiscard]] Value parse_argument(const std::string& text, const std::string& place);

struct Call {
  std::string function;
  Arguments arguments;
  Options options;
};
/// Throws UsageError.
[[nodiscard]] Call read_call(const Invocation& invocation);

/// `--lifespan`: a duration or `forever`; throws UsageError.
[[nodiscard]] std::optional<std::chrono::milliseconds> read_lifespan(const Invocation& invocation);

/// `raise`, `replace`, `attach` or `keep`; throws UsageError.
[[nodiscard]] Duplicate parse_duplicate(const std::string& text);

}  // namespace promised::cli
