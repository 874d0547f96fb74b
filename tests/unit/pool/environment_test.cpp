// SPDX-License-Identifier: Apache-2.0
// What a worker finds in its environment.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "daemon/pool/environment.hpp"

using namespace promised;

namespace {

bool has(const std::vector<std::string>& environment, const std::string& entry) {
  return std::count(environment.begin(), environment.end(), entry) == 1;
}

bool names(const std::vector<std::string>& environment, const std::string& variable) {
  return std::any_of(environment.begin(), environment.end(),
                     [&](const std::string& entry) { return entry.starts_with(variable + "="); });
}

}  // namespace

TEST_CASE("I1 a worker has a closed environment, with its user's and its pool's own") {
  Settings settings;
  settings.endpoint = "ipc:///run/p.sock";
  WorkerEnvironments environments(settings);
  auto pool = std::make_shared<PoolSettings>();
  pool->name = "main";
  pool->user = "root";
  pool->environment = {{"LANG", "de_DE.UTF-8"}, {"EMPTY", ""}};
  for (int i = 0; i < 2; ++i) {  // asked for, and known
    const auto environment = environments.of(pool);
    CHECK(std::is_sorted(environment.begin(), environment.end()));
    CHECK(has(environment, "PROMISED_POOL=main"));
    CHECK(has(environment, "PROMISED_ENDPOINT=ipc:///run/p.sock"));
    CHECK(has(environment, "LANG=de_DE.UTF-8"));
    CHECK(has(environment, "EMPTY="));
    CHECK(has(environment, "HOME=/root"));
    CHECK(has(environment, "USER=root"));
    CHECK(environment.size() == 8);
  }
  auto changed = std::make_shared<PoolSettings>(*pool);
  changed->environment = {{"OTHER", "1"}};
  CHECK(has(environments.of(changed), "OTHER=1"));
  CHECK(has(environments.of(changed), "LANG=C.UTF-8"));
  CHECK_FALSE(has(environments.of(pool), "OTHER=1"));
}

TEST_CASE("I1 a worker of no known user, which will not start, has no home in its environment") {
  const Settings settings;
  WorkerEnvironments environments(settings);
  const auto pool = std::make_shared<PoolSettings>();
  pool->user = "nobody-of-that-name";
  for (const char* variable : {"HOME", "USER", "LOGNAME"})
    CHECK_FALSE(names(environments.of(pool), variable));
  CHECK(names(environments.of(pool), "PATH"));
}
