// SPDX-License-Identifier: Apache-2.0
#include "examples/two_pass/options.hpp"

#include <getopt.h>

#include <array>
#include <charconv>
#include <stdexcept>
#include <string_view>

namespace two_pass {
namespace {

int number(const char* option, std::string_view text, int most) {
  int n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n < 0 || n > most) {
    throw std::invalid_argument(std::string("--") + option + ": expected a number from 0 to " +
                                std::to_string(most) + ", given \"" + std::string(text) + "\"");
  }
  return n;
}

}  // namespace

ServerOptions parse_options(int argc, char** argv) {
  enum : int { help = 1, endpoint, port, lifespan };
  const std::array<option, 5> known{{{"help", no_argument, nullptr, help},
                                     {"endpoint", required_argument, nullptr, endpoint},
                                     {"port", required_argument, nullptr, port},
                                     {"lifespan-ms", required_argument, nullptr, lifespan},
                                     {nullptr, 0, nullptr, 0}}};
  ServerOptions options;
  int index = 0;
  for (int found; (found = getopt_long(argc, argv, ":", known.data(), &index)) != -1;) {
    switch (found) {
      case help:
        options.help = true;
        break;
      case endpoint:
        options.endpoint = optarg;
        break;
      case port:
        options.port = number("port", optarg, 65'535);
        break;
      case lifespan:
        options.lifespan = std::chrono::milliseconds(number("lifespan-ms", optarg, 86'400'000));
        break;
      case ':':
        throw std::invalid_argument(std::string(argv[optind - 1]) + ": needs a value");
      default:
        throw std::invalid_argument(std::string(argv[optind - 1]) + ": no such option");
    }
  }
  if (optind < argc) throw std::invalid_argument(std::string(argv[optind]) + ": not an option");
  return options;
}

}  // namespace two_pass
