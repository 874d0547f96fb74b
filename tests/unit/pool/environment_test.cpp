// SPDX-License-Identifier: Apache-2.0
// What a worker finds in its environment.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "daemon/pool/environment.hpp"

using namespace promised;

TEST_CASE("I1 a worker has a closed environment, with its pool's own") {
  Settings settings;
  settings.endpoint = "ipc:///run/p.sock";
  PoolSettings pool;
  pool.name = "main";
  pool.environment = {{"LANG", "de_DE.UTF-8"}, {"EMPTY", ""}};
  const auto environment = worker_environment(settings, pool);
  CHECK(environment == std::vector<std::string>{"EMPTY=", "LANG=de_DE.UTF-8",
                                                "PATH=/usr/local/bin:/usr/bin:/bin",
                                                "PROMISED_ENDPOINT=ipc:///run/p.sock", "PROMISED_POOL=main"});
}
