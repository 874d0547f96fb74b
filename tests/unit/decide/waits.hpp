// SPDX-License-Identifier: Apache-2.0
// A house of few slots, whose jobs wait for each other (SEMANTICS C8).
#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/decide/house.hpp"

namespace promised::test {

/// A house of `size` slots, where jobs are given to workers one by one.
inline Settings slots(std::uint32_t size) {
  auto settings = one_pool(size);
  settings.pools[0].prefetch = 1;
  return settings;
}

struct Family : ReadyHouse {
  explicit Family(Settings s = slots(1)) : ReadyHouse(std::move(s)), client(connect()) {}

  /// The worker that has this job; it begins it if it has not.
  WorkerId at(const JobId& id) {
    for (const WorkerId worker : workers()) {
      if (!hand(worker).channel.empty() && hand(worker).channel.front().id == id) {
        begin(worker);
        return worker;
      }
    }
    FAIL("no worker has job " << id.text());
    return {};
  }
  void wait_for(const JobId& job, std::vector<JobId> ids) {
    const WorkerId worker = at(job);
    handle(event::AttemptWaits{worker, hand(worker).channel.front().sequence, std::move(ids)});
  }
  /// The workers that were asked for and are not ready yet, become so.
  void staff() {
    for (const WorkerId worker : workers()) {
      if (hand(worker).pid == 0 && std::exchange(hand(worker).pid, 1) == 0) ready(worker);
    }
  }
  /// The answer to the job's last wait; nothing: it waits.
  std::optional<message::Resume> answer(const JobId& job) {
    const auto& resumed = hand(at(job)).resumed;
    return resumed.empty() ? std::nullopt : std::optional(resumed.back());
  }
  JobId end(const JobId& job) { return finish(at(job)); }
  State state(const JobId& id) { return show(client, id).state; }
  std::string text(const JobId& id) { return "job " + id.text() + " (f)"; }

  SessionId client;
};

}  // namespace promised::test
