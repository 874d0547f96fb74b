// SPDX-License-Identifier: Apache-2.0
// What the examples of docs/client.md and their worker exchange.
#pragma once

#include <promised/convert.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace page {

// clang-format off
struct Order { std::string item; std::vector<int> amounts; std::optional<double> discount; };
PROMISED_STRUCT(Order, item, amounts, discount)

struct Customer { std::string name; std::map<std::string, std::string> labels; std::vector<Order> orders; };
PROMISED_STRUCT(Customer, name, labels, orders)
// clang-format on

struct Profile {
  std::string user;
  bool known = false;
};
PROMISED_STRUCT(Profile, user, known)

}  // namespace page
