// SPDX-License-Identifier: Apache-2.0
#include "daemon/take_over.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "common/printable.hpp"
#include "daemon/ops/log.hpp"

namespace promised {
namespace {

/// Whom workers run as, with this configuration.
std::vector<uid_t> users_of(const Settings& settings) {
  std::vector<uid_t> users{::geteuid()};
  for (const PoolSettings& pool : settings.pools) {
    const passwd* account = pool.user.empty() ? nullptr : ::getpwnam(pool.user.c_str());
    if (account != nullptr) users.push_back(account->pw_uid);
  }
  return users;
}

}  // namespace

Result<Containment> take_over(const Settings& settings, Spawner& spawner) {
  struct stat found {};
  if (::stat(settings.state_dir.c_str(), &found) != 0) return Problem::system(settings.state_dir);
  // A copy of the directory is another one; the same one under another name is not.
  const std::string state = std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino);
  PROMISED_ASSIGN(const TakenOver taken, spawner.take_over(state, users_of(settings)));
  for (const Leftover& left : taken.leftovers) {
    log::warning("killed process " + std::to_string(left.pid) + " (" + printable(left.command) +
                 "), which an earlier daemon's job had left running");
  }
  if (taken.ended > taken.leftovers.size())
    log::warning("killed " + std::to_string(taken.ended - taken.leftovers.size()) + " more of these");
  if (taken.containment == Containment::cgroup) {
    log::debug("workers are held by cgroups");
  } else if (taken.containment == Containment::cgroup_and_rlimit) {
    log::info("workers are held by cgroups, but some limits by those of single processes (docs/pools.md): " +
              taken.why);
  } else {
    log::info("workers are held by limits of single processes (docs/pools.md), not by cgroups: " + taken.why);
  }
  return taken.containment;
}

}  // namespace promised
