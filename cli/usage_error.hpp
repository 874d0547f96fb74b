// SPDX-License-Identifier: Apache-2.0
// The command line is wrong: thrown anywhere below main, which tells it and exits with ExitCode::usage.
#pragma once

#include <promised/error.hpp>

namespace promised::cli {

/// An Error, so that what() has the whole message, whatever is quoted in it.
class UsageError : public Error {
 public:
  using Error::Error;
};

}  // namespace promised::cli
