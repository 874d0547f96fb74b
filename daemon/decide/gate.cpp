// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/gate.hpp"

#include <algorithm>

namespace promised {

Standing Gate::standing(const Identity& who) const {
  const auto lists = [](const auto& list, auto id) {
    return std::find(list.begin(), list.end(), id) != list.end();
  };
  if (who.uid == static_cast<uid_t>(-1)) return Standing::nobody;
  if (who.uid == 0 || who.uid == self_ || lists(access_.admins, who.uid)) return Standing::admin;
  if (access_.everyone || lists(access_.users, who.uid) || lists(access_.groups, who.gid))
    return Standing::user;
  return Standing::nobody;
}

bool Gate::may_use(const Identity& who, Standing standing, std::string_view name, NameUse use) const {
  if (standing != Standing::user) return standing == Standing::admin;
  if (!name.starts_with(kSharedPrefix)) return true;
  return std::any_of(access_.shared.begin(), access_.shared.end(), [&](const SharedNames& rule) {
    const auto lists = [](const auto& list, auto id) {
      return std::find(list.begin(), list.end(), id) != list.end();
    };
    return name.starts_with(rule.prefix) && (rule.use == NameUse::write || use == NameUse::read) &&
           (rule.everyone || lists(rule.users, who.uid) || lists(rule.groups, who.gid));
  });
}

}  // namespace promised
