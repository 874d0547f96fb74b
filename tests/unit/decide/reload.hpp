// SPDX-License-Identifier: Apache-2.0
// What the tests of a configuration that is read anew have in common.
#pragma once

#include <functional>
#include <vector>

#include "tests/unit/decide/house.hpp"

namespace promised::test {

inline PoolSettings with(PoolSettings pool, const std::function<void(PoolSettings&)>& change) {
  change(pool);
  return pool;
}

inline PoolSettings other_program(const PoolSettings& pool) {
  return with(pool, [](PoolSettings& p) { p.program = "/bin/false"; });
}

inline std::vector<WorkerId> staying(House& house) {
  std::vector<WorkerId> ids;
  for (const WorkerId id : house.workers()) {
    if (!house.hand(id).told_to_stop) ids.push_back(id);
  }
  return ids;
}

inline PoolView pool(House& house, SessionId client) {
  return house.status(client).pools.at(0);
}

}  // namespace promised::test
