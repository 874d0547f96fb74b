// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner_watch.hpp"

#include <string>

#include "daemon/ops/log.hpp"

namespace promised {

void SpawnerWatch::look() {
  const Result<bool> resumed = spawner_.resume();
  if (!resumed) return log::error(resumed.problem().message);
  if (!*resumed || ++stopped_ < told_ * 2) return;
  told_ = stopped_;
  log::warning("the spawner process (pid " + std::to_string(spawner_.pid()) +
               ") was stopped (SIGSTOP) by somebody, and has been told to go on; times so far: " +
               std::to_string(stopped_) +
               ". A job can do that which runs as the spawner's user: give its pool a user of its own");
}

Result<void> SpawnerWatch::enforce(Instant now) {
  if (!end_by_ || now < *end_by_) return {};
  end_by_.reset();
  PROMISED_TRY(spawner_.kill_itself());
  log::warning("the spawner process (pid " + std::to_string(spawner_.pid()) +
               ") has not ended its workers in time: it was killed, and its workers with it");
  return {};
}

}  // namespace promised
