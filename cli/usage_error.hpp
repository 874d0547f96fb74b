// SPDX-License-Identifier: Apache-2.0
// The command line is wrong: thrown anywhere below main, which tells it and exits with ExitCode::usage.
#pragma once

#include <stdexcept>

namespace promised::cli {

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace promised::cli
