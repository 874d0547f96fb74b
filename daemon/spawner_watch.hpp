// SPDX-License-Identifier: Apache-2.0
// That the spawner works. A job that runs as its user may stop it (SIGSTOP): then no worker is started,
// killed or seen to end, and no end of the daemon comes either. Used by the loop.
#pragma once

#include <cstdint>
#include <optional>

#include "common/clock.hpp"
#include "common/result.hpp"
#include "daemon/spawner/spawner.hpp"

namespace promised {

class SpawnerWatch {
 public:
  /// `spawner` must outlive this.
  explicit SpawnerWatch(Spawner& spawner) : spawner_(spawner) {}

  /// A child of the daemon has stopped, or ended: has the spawner go on if it was that one. Says so the first
  /// time, and whenever it has happened twice as often.
  void look();

  /// All workers have been told to end at once: they are gone by then, or enforce() kills the spawner.
  void expect_end_by(Instant moment) { end_by_ = moment; }
  /// When enforce() is to be called.
  [[nodiscard]] std::optional<Instant> due() const { return end_by_; }
  /// While there are workers. That the spawner is gone is told as ever (Workers::read). Fails where it cannot
  /// be killed: it is root's, and the daemon is another user. Then there is nothing left to wait for.
  [[nodiscard]] Result<void> enforce(Instant now);
  /// The workers are gone.
  void is_obeyed() { end_by_.reset(); }

 private:
  Spawner& spawner_;
  std::uint64_t stopped_ = 0;
  std::uint64_t told_ = 0;
  std::optional<Instant> end_by_;
};

}  // namespace promised
