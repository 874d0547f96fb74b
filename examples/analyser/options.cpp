// SPDX-License-Identifier: Apache-2.0
#include "examples/analyser/options.hpp"

#include <getopt.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <string_view>

namespace analyser {
namespace {

std::uint32_t number(const char* option, std::string_view text) {
  std::uint32_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n == 0) {
    throw std::invalid_argument(std::string("--") + option + ": expected a number above 0, given \"" +
                                std::string(text) + "\"");
  }
  return n;
}

}  // namespace

ReportOptions parse_options(int argc, char** argv) {
  enum : int { help = 1, fetch, demo, endpoint, prefix, lifespan, run_timeout, most };
  const std::array<option, 9> known{{{"help", no_argument, nullptr, help},
                                     {"fetch", no_argument, nullptr, fetch},
                                     {"demo", no_argument, nullptr, demo},
                                     {"endpoint", required_argument, nullptr, endpoint},
                                     {"prefix", required_argument, nullptr, prefix},
                                     {"lifespan", required_argument, nullptr, lifespan},
                                     {"run-timeout", required_argument, nullptr, run_timeout},
                                     {"most", required_argument, nullptr, most},
                                     {nullptr, 0, nullptr, 0}}};
  ReportOptions options;
  int index = 0;
  for (int found; (found = getopt_long(argc, argv, ":", known.data(), &index)) != -1;) {
    const char* name = known[static_cast<std::size_t>(index)].name;
    switch (found) {
      case help:
        options.help = true;
        break;
      case fetch:
        options.fetch = true;
        break;
      case demo:
        options.demo = true;
        break;
      case endpoint:
        options.endpoint = optarg;
        break;
      case prefix:
        options.prefix = optarg;
        break;
      case lifespan:
        options.lifespan = std::chrono::seconds(number(name, optarg));
        break;
      case run_timeout:
        options.run_timeout = std::chrono::seconds(number(name, optarg));
        break;
      case most:
        options.most = number(name, optarg);
        break;
      case ':':
        throw std::invalid_argument(std::string(argv[optind - 1]) + ": needs a value");
      default:
        throw std::invalid_argument(std::string(argv[optind - 1]) + ": no such option");
    }
  }
  options.paths.assign(argv + optind, argv + argc);
  if (!options.help && options.fetch != options.paths.empty()) {
    throw std::invalid_argument(options.fetch ? "--fetch takes no directories"
                                              : "no directory or file is given");
  }
  return options;
}

}  // namespace analyser
