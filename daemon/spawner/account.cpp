// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/account.hpp"

#include <pwd.h>

#include <cerrno>

namespace promised {

Result<Account> find_account(const std::string& user) {
  errno = 0;
  if (const passwd* account = ::getpwnam(user.c_str())) return Account{account->pw_uid, account->pw_gid};
  if (errno != 0 && errno != ENOENT && errno != ESRCH) return Problem::system("user \"" + user + "\"");
  return Problem::of("no_such_user", "user \"" + user + "\": there is no such account");
}

}  // namespace promised
