// SPDX-License-Identifier: Apache-2.0
// A house of one worker without prefetch, and its client, for jobs that follow others.
#pragma once

#include <utility>

#include "tests/unit/decide/kin.hpp"

namespace promised::test {

inline Settings one_by_one() {
  Settings settings = one_pool();
  settings.pools[0].prefetch = 1;
  return settings;
}

struct Parents : ReadyHouse {
  Parents() : ReadyHouse(one_by_one()), client(connect()) {}
  WorkerId worker() { return workers().front(); }
  JobId follow(const JobId& parent, Follows how, Options options = {}) {
    return add_callback(*this, client, parent, how, std::move(options));
  }
  State state(const JobId& id) { return show(client, id).state; }
  SessionId client;
};

}  // namespace promised::test
