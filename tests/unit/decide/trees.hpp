// SPDX-License-Identifier: Apache-2.0
// A house without prefetch, and its client, for jobs that are made of others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/decide/kin.hpp"

namespace promised::test {

inline Settings slots(std::uint32_t size) {
  Settings settings = one_pool(size);
  settings.pools[0].prefetch = 1;
  return settings;
}

struct Trees : ReadyHouse {
  explicit Trees(std::uint32_t size = 1) : ReadyHouse(slots(size)), client(connect()) {}
  WorkerId at(const JobId& id) {
    for (const WorkerId worker : workers_()) {
      if (!hand(worker).channel.empty() && hand(worker).channel.front().id == id) return worker;
    }
    FAIL("no worker has job " << id.text());
    return {};
  }
  std::vector<WorkerId> workers_() const { return House::workers(); }
  void end(const JobId& id, const std::string& text) { finish(at(id), text_value(text)); }
  State state(const JobId& id) { return show(client, id).state; }
  SessionId client;
};

}  // namespace promised::test
