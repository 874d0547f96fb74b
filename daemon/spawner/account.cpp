// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/account.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cerrno>

namespace promised {

namespace {

Account account_of(const passwd& entry) {
  return {entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir};
}

}  // namespace

Result<Account> find_account(const std::string& user) {
  errno = 0;
  if (const passwd* account = ::getpwnam(user.c_str())) return account_of(*account);
  if (errno != 0 && errno != ENOENT && errno != ESRCH) return Problem::system("user \"" + user + "\"");
  return Problem::of("no_such_user", "user \"" + user + "\": there is no such account");
}

std::optional<Account> own_account() {
  const passwd* account = ::getpwuid(::getuid());
  return account == nullptr ? std::nullopt : std::optional(account_of(*account));
}

}  // namespace promised
