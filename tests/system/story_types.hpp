// SPDX-License-Identifier: Apache-2.0
// The structs that the stories' worker and application share.
#pragma once

#include <promised/convert.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace promised::test {

struct Address {
  std::string city;
  std::optional<std::string> street;
  friend bool operator==(const Address&, const Address&) = default;
};
PROMISED_STRUCT(Address, city, street)

struct Customer {
  std::string name;
  int age = 0;
  std::vector<Address> addresses;
  std::map<std::string, double> balances;
  friend bool operator==(const Customer&, const Customer&) = default;
};
PROMISED_STRUCT(Customer, name, age, addresses, balances)

}  // namespace promised::test
