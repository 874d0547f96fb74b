// SPDX-License-Identifier: Apache-2.0
#include <promised/detail/callable.hpp>

namespace promised::detail {

void throw_wrong_count(std::size_t least, std::size_t most, const std::string& parameters,
                       std::size_t given) {
  std::string expected = std::to_string(most);
  if (most == 0) {
    expected = "no";
  } else if (least < most) {
    expected = std::to_string(least) + " to " + expected;
  }
  expected += most == 1 ? " argument" : " arguments";
  if (most > 0) expected += " " + parameters;
  throw BadArguments("expected " + expected + ", given " + std::to_string(given));
}

void throw_wrong_argument(std::size_t position, const Mismatch& mismatch) {
  throw BadArguments(mismatch.within("argument " + std::to_string(position)).what());
}

void append_named(Arguments& arguments) {
  Value::Map map;
  map.reserve(arguments.named.size());
  for (auto& [name, value] : arguments.named) map.emplace_back(Value(std::move(name)), std::move(value));
  arguments.named.clear();
  arguments.positional.emplace_back(std::move(map));
}

}  // namespace promised::detail
