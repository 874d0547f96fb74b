// SPDX-License-Identifier: Apache-2.0
// Who the daemon is: from root to the user that the configuration names, for good, after the spawner is
// forked and before the first client is heard. And how many files it may open.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "common/result.hpp"

namespace promised {

struct SystemUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

[[nodiscard]] Result<SystemUser> find_user(const std::string& name);

/// Becomes `account`: its groups, its group, its user; then checks that there is no way back. Nothing to do
/// for who is it already. Problem "privileges" for who is neither root nor it.
[[nodiscard]] Result<void> become(const SystemUser& account);

/// Makes the directory with `mode` if it is not there, with its parents (0755), and gives it to `account` (if
/// not null). One that exists must belong to root, the caller or `account`, and nobody else may be able to
/// rename what is in it; it is given to `account` only where it is root's and empty, as systemd makes it.
[[nodiscard]] Result<void> prepare_directory(const std::string& path, mode_t mode, const SystemUser* account);

struct OpenFiles {
  std::uint64_t before = 0;
  std::uint64_t now = 0;
};

/// Raises the soft limit of open files to the hard one.
[[nodiscard]] Result<OpenFiles> raise_open_files();

}  // namespace promised
