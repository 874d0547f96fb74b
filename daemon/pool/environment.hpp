// SPDX-License-Identifier: Apache-2.0
// The environment that a worker program is started with: a closed one, so that nothing of the daemon's leaks
// into jobs and a job finds the same things whoever started the daemon.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/settings.hpp"

namespace promised {

class WorkerEnvironments {
 public:
  explicit WorkerEnvironments(const Settings& settings) : settings_(settings) {}

  /// KEY=VALUE, sorted by key: PATH, LANG, HOME, USER and LOGNAME of the user that the worker runs as (if
  /// there is such an account), PROMISED_POOL, PROMISED_ENDPOINT, and then the pool's own, which wins. Who
  /// the user is is asked once for each configuration of a pool: the answer may come from another machine,
  /// and the loop waits for it.
  [[nodiscard]] std::vector<std::string> of(const std::shared_ptr<const PoolSettings>& pool);

 private:
  const Settings& settings_;
  std::map<std::shared_ptr<const PoolSettings>, std::vector<std::string>> known_;
};

}  // namespace promised
