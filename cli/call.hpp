// SPDX-License-Identifier: Apache-2.0
// What `submit` and `run` make of their command line: a call of a function, or a composite of several, and
// the job that it follows.
#pragma once

#include <promised/client.hpp>

#include <boost/program_options/options_description.hpp>
#include <optional>
#include <string>

#include "cli/invocation.hpp"

namespace promised::cli {

/// The options of a call, with the ways to give arguments.
[[nodiscard]] boost::program_options::options_description call_options();
/// What may stand in the place of a function and its arguments.
[[nodiscard]] const char* call_words();
/// What the help says of arguments, and of what may stand in their place.
[[nodiscard]] const char* call_help();

/// An argument: JSON where it is JSON, else text. Throws UsageError, in which `place` says which it is, as in
/// "argument 2".
[[nodiscard]] Value parse_argument(const std::string& text, const std::string& place);

/// The job that a call is to follow, as the user calls it, and how it has to end.
struct Followed {
  std::string job;
  Follows how = Follows::done;
};
struct Submission {
  promised::Call call;
  std::optional<Followed> followed;
};
/// Throws UsageError.
[[nodiscard]] Submission read_submission(const Invocation& invocation);

/// Hands it to the daemon, and waits for its acceptance up to `timeout`.
[[nodiscard]] AnyFuture submit(Invocation& invocation, const Submission& submission,
                               std::chrono::milliseconds timeout);

}  // namespace promised::cli
