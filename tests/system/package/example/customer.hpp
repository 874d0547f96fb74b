// SPDX-License-Identifier: Apache-2.0
// What application and worker say to each other.
#pragma once

#include <promised/convert.hpp>

#include <string>

struct Customer {
  std::string name;
  int age = 0;
};
PROMISED_STRUCT(Customer, name, age)
