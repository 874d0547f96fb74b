// SPDX-License-Identifier: Apache-2.0
// What the tests of sandboxes have in common: workers in one, and what is outside.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>

#include "tests/support/own_mounts.hpp"
#include "tests/system/stories.hpp"

namespace promised::test {

using Numbers = std::map<std::string, std::int64_t>;

inline DaemonConfig sandboxed(const std::string& level) {
  DaemonConfig config;
  return config.pool("confined", worker_binary("confined"), {{"sandbox", level}});
}

inline std::int64_t number(Client& client, const std::string& function, const std::string& argument) {
  return client.submit<std::int64_t>(function, argument).result(kPatience);
}

/// A file in /tmp, and one where programs are: gone with this object, should it have been made.
struct Targets {
  const std::filesystem::path in_tmp = "/tmp/promised-test-" + std::to_string(::getpid());
  const std::filesystem::path elsewhere = worker_binary("sandbox-test-" + std::to_string(::getpid()));
  ~Targets() {
    std::error_code none;
    std::filesystem::remove(in_tmp, none);
    std::filesystem::remove(elsewhere, none);
  }
};

}  // namespace promised::test
