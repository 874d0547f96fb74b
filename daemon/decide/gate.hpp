// SPDX-License-Identifier: Apache-2.0
// The one place that says who may do what. The default is deny: what is not granted here does not happen.
#pragma once

#include <cstdint>

#include "daemon/flow.hpp"
#include "daemon/settings.hpp"

namespace promised {

enum class Standing : std::uint8_t {
  nobody,  ///< may do nothing
  user,    ///< may submit, and see and steer the own jobs
  admin    ///< may see and steer all jobs
};

class Gate {
 public:
  /// `self`: the daemon's own uid, an administrator like root.
  Gate(const Access& access, uid_t self) : access_(access), self_(self) {}

  [[nodiscard]] Standing standing(const Identity& who) const;
  /// Whether somebody of this standing may see and steer what belongs to `owner`.
  [[nodiscard]] static bool may_touch(Standing standing, uid_t asker, std::uint32_t owner) {
    return standing == Standing::admin || (standing == Standing::user && asker == owner);
  }
  /// Whether somebody of this standing may have the store checked, backed up and compacted.
  [[nodiscard]] static bool may_maintain(Standing standing) { return standing == Standing::admin; }

 private:
  const Access& access_;
  uid_t self_;
};

}  // namespace promised
