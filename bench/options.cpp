// SPDX-License-Identifier: Apache-2.0
#include "bench/options.hpp"

#include <boost/program_options.hpp>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace promised::bench {
namespace {

namespace po = boost::program_options;

constexpr double kShort = 12;

po::options_description described() {
  po::options_description all("promised-bench measures promised and its peers in one run");
  all.add_options()("seconds", po::value<double>()->default_value(60), "how long in all, about (at least 5)")(
      "short", "as --seconds 12")(
      "directory", po::value<std::string>(),
      "where stores and binlogs lie (default: $TMPDIR or /tmp): the disk that is measured")(
      "json", po::value<std::string>(), "also write the figures to this file")(
      "check", "exit with 1 when a goal is missed")("help", "this text");
  return all;
}

}  // namespace

std::string usage() {
  std::ostringstream out;
  out << described();
  return out.str();
}

Options read_options(int argc, char** argv) {
  Options options;
  if (argc > 2 && std::string(argv[1]) == "--role") {
    options.role.assign(argv + 2, argv + argc);
    return options;
  }
  po::variables_map given;
  po::store(po::command_line_parser(argc, argv).options(described()).positional({}).run(), given);
  options.seconds = given.contains("short") ? kShort : given["seconds"].as<double>();
  if (!(options.seconds >= 5 && options.seconds <= 3600))
    throw std::runtime_error("--seconds: expected 5 to 3600");
  if (const char* folder = std::getenv("TMPDIR"); folder != nullptr && *folder != '\0')
    options.directory = folder;
  if (given.contains("directory")) options.directory = given["directory"].as<std::string>();
  if (given.contains("json")) options.json = given["json"].as<std::string>();
  options.check = given.contains("check");
  options.help = given.contains("help");
  return options;
}

}  // namespace promised::bench
