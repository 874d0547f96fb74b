// SPDX-License-Identifier: Apache-2.0
// The command line of the server.
#pragma once

#include <chrono>
#include <string>

namespace two_pass {

struct ServerOptions {
  std::string endpoint = {};  ///< empty: the library's own choice
  int port = 8080;            ///< 0: any that is free
  std::chrono::milliseconds lifespan{10'000};
  bool help = false;
};

/// Throws std::invalid_argument.
[[nodiscard]] ServerOptions parse_options(int argc, char** argv);

}  // namespace two_pass
