// SPDX-License-Identifier: Apache-2.0
// The one place that says who may do what. The default is deny: what is not granted here does not happen.
#pragma once

#include <cstdint>
#include <string_view>

#include "daemon/flow.hpp"
#include "daemon/settings.hpp"

namespace promised {

enum class Standing : std::uint8_t {
  nobody,  ///< may do nothing
  user,    ///< may submit, and see and steer the own jobs
  admin    ///< may see and steer all jobs
};

/// The owner of the names that users share (SEMANTICS R10): no user has this id.
inline constexpr std::uint32_t kSharedOwner = static_cast<std::uint32_t>(-1);
inline constexpr std::string_view kSharedPrefix = "shared/";
/// Under which owner `name` is kept when `uid` says it.
[[nodiscard]] constexpr std::uint32_t name_owner(std::uint32_t uid, std::string_view name) {
  return name.starts_with(kSharedPrefix) ? kSharedOwner : uid;
}

class Gate {
 public:
  /// `self`: the daemon's own uid, an administrator like root.
  Gate(const Access& access, uid_t self) : access_(access), self_(self) {}

  [[nodiscard]] Standing standing(const Identity& who) const;
  /// Whether it is the daemon's own user.
  [[nodiscard]] bool is_self(std::uint32_t uid) const { return uid == self_; }
  /// Whether somebody of this standing may see and steer what belongs to `owner`.
  [[nodiscard]] static bool may_touch(Standing standing, uid_t asker, std::uint32_t owner) {
    return standing == Standing::admin || (standing == Standing::user && asker == owner);
  }
  /// Whether somebody of this standing may have the store checked, backed up and compacted.
  [[nodiscard]] static bool may_maintain(Standing standing) { return standing == Standing::admin; }
  /// Whether somebody of this standing may use `name` so. Names that are not shared are the asker's own.
  [[nodiscard]] bool may_use(const Identity& who, Standing standing, std::string_view name,
                             NameUse use) const;

 private:
  const Access& access_;
  uid_t self_;
};

}  // namespace promised
