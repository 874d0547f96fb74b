// SPDX-License-Identifier: Apache-2.0
// What the command line asks of the benchmarks.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace promised::bench {

struct Options {
  double seconds = 60;  ///< in all, about
  std::filesystem::path directory = "/tmp";
  std::filesystem::path json;  ///< empty: none
  bool check = false;
  bool help = false;
  /// Not empty: this process is one of another run's children, with these arguments.
  std::vector<std::string> role;
};

/// Throws std::runtime_error for what it does not understand.
[[nodiscard]] Options read_options(int argc, char** argv);
[[nodiscard]] std::string usage();

}  // namespace promised::bench
