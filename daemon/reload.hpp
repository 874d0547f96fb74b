// SPDX-License-Identifier: Apache-2.0
// Reading the configuration anew, on SIGHUP or when an administrator asks (SEMANTICS E6). What is wrong with
// it changes nothing, and is told with file and line: in the log, to systemd, and to who asked.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "common/result.hpp"
#include "daemon/flow.hpp"
#include "daemon/settings.hpp"

namespace promised {

class Reloader {
 public:
  /// As at start: the same file, folder and flags.
  using Read = std::function<Result<Settings>()>;

  /// `settings`, which must outlive this, are those in force: everybody who refers to them sees what changes.
  Reloader(Settings& settings, Read read);

  /// From now on systemd is told; before, it waits for the daemon to be ready.
  void daemon_is_ready() { ready_ = true; }
  /// Appends event::Reconfigured. `number` 0: nobody has to be answered.
  void reload(SessionId session, std::uint64_t number, std::vector<Event>& events);

 private:
  void tell_new_users(ReloadReport& report) const;
  void tell_begun() const;
  void tell_done(const event::Reconfigured& done) const;

  Settings& settings_;
  Read read_;
  std::set<std::string> users_;  ///< that workers may run as: those of the pools at the start
  bool ready_ = false;
};

}  // namespace promised
