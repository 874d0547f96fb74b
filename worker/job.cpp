// SPDX-License-Identifier: Apache-2.0
#include <promised/worker.hpp>

#include "worker/runner.hpp"

namespace promised {

const JobId& Job::id() const {
  return runner_.id();
}

std::uint32_t Job::attempt() const {
  return runner_.attempt();
}

const std::string& Job::function() const {
  return runner_.function();
}

void Job::progress(double percent, std::string_view message) {
  runner_.progress(percent, message);
}

}  // namespace promised
