// SPDX-License-Identifier: Apache-2.0
#include <promised/worker.hpp>

#include <stdexcept>
#include <string>

#include "customer.hpp"

namespace {

std::string build_report(const Customer& customer, int year) {
  if (year < 1970) throw std::out_of_range("no books before 1970");
  return customer.name + ", " + std::to_string(customer.age) + ": " + std::to_string(year);
}

}  // namespace

int main(int argc, char** argv) {
  promised::Worker worker(argc, argv);
  worker.define("report.build", build_report);
  return worker.run();
}
