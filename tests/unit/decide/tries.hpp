// SPDX-License-Identifier: Apache-2.0
// What the tests of jobs that are tried again have in common.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>

#include "tests/unit/decide/house.hpp"

namespace promised::test {

inline Failure failure(Cause cause = Cause::exception, const std::string& message = "no luck") {
  Failure f;
  f.cause = cause;
  f.message = message;
  return f;
}

/// Without chance.
inline Options tried_again(std::uint32_t retries,
                           const Backoff& backoff = Backoff::fixed(std::chrono::seconds(10))) {
  return Options{}.retries(retries).backoff(backoff);
}

inline WorkerId worker(House& house) {
  return house.workers().at(0);
}

inline void crash_once(House& house) {
  house.begin(worker(house));
  house.gone(worker(house), SIGSEGV);
  house.ready(worker(house));
}

}  // namespace promised::test
