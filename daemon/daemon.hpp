// SPDX-License-Identifier: Apache-2.0
// The composition root and the loop: reads what is there, decides, hands the changes to the committer, acts
// on what may go. One thread; it sleeps until something is readable or due, and never polls.
#pragma once

#include <memory>

#include "common/result.hpp"
#include "daemon/ops/signals.hpp"
#include "daemon/reload.hpp"
#include "daemon/settings.hpp"
#include "daemon/spawner/spawner.hpp"

namespace promised {

/// How the daemon ended.
enum class Ending {
  stopped,      ///< asked to
  store_failed  ///< the store could not be written: nothing was acknowledged that is not on disk, and clients
                ///< were told why
};

class Daemon {
 public:
  /// Opens the store, replays it and binds the endpoint; `spawner` and `signals` were made before any thread.
  /// `read` reads the settings anew when it is asked to.
  [[nodiscard]] static Result<std::unique_ptr<Daemon>> open(Settings settings, Reloader::Read read,
                                                            std::unique_ptr<Spawner> spawner,
                                                            std::unique_ptr<Signals> signals);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Serves until it is asked to stop, or cannot go on.
  [[nodiscard]] Result<Ending> run();

 private:
  struct Impl;
  explicit Daemon(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace promised
