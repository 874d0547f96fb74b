// SPDX-License-Identifier: Apache-2.0
// Submits, fetches by name from a second client, and meets a failure. Prints what it got; exits with 0 if all
// went as it should.
#include <promised/client.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>

#include "customer.hpp"

using namespace std::chrono_literals;

int main() {
  try {
    promised::Client client;
    const auto report = client.submit<std::string>("report.build", Customer{"Ada", 36}, 2026);
    report.remember("ada-report", 1min);
    std::cout << report.result(30s) << '\n';

    promised::Client other;
    std::cout << other.future<std::string>("ada-report").result(30s) << '\n';

    try {
      static_cast<void>(client.submit<std::string>("report.build", Customer{"Ada", 36}, 1066).result(30s));
    } catch (const promised::JobFailed& failed) {
      std::cout << failed.failure().type << ": " << failed.failure().message << '\n';
      return 0;
    }
    std::cerr << "expected the last report to fail\n";
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
  }
  return 1;
}
