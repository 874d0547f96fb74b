// SPDX-License-Identifier: Apache-2.0
// The command line of analyser-report.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace analyser {

struct ReportOptions {
  bool help = false;
  bool fetch = false;    ///< only show what is remembered
  bool demo = false;     ///< obey documents that ask for trouble
  std::string endpoint;  ///< empty: the client library's choice
  std::string prefix = "analysis:";
  std::chrono::seconds lifespan{600};
  std::chrono::seconds run_timeout{30};
  std::size_t most = 0;  ///< documents; 0: all
  std::vector<std::string> paths;
};

inline constexpr char kUsage[] =
    "usage: analyser-report [OPTION]... DIRECTORY|FILE...   analyse text documents and report\n"
    "       analyser-report --fetch [OPTION]...             show the results that are remembered\n"
    "\n"
    "  --endpoint ENDPOINT    of the daemon; default: $PROMISED_ENDPOINT, the system's, your own\n"
    "  --prefix TEXT          of the names that results are remembered under; default: analysis:\n"
    "  --lifespan SECONDS     how long they are remembered; default: 600\n"
    "  --run-timeout SECONDS  the longest that one document may take; default: 30\n"
    "  --most N               of the files that are found, analyse the first N\n"
    "  --demo                 let documents that begin with \"%trouble crash\", \"hang\" or \"memory\" do "
    "so\n"
    "\n"
    "Exit status: 0 every document has an outcome, 1 some have none, 2 bad usage or no daemon.\n";

/// Throws std::invalid_argument that says what is wrong.
[[nodiscard]] ReportOptions parse_options(int argc, char** argv);

}  // namespace analyser
