// SPDX-License-Identifier: Apache-2.0
// The account of a user, as the system's databases have it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/result.hpp"

namespace promised {

struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name{};
  std::string home{};
};

/// Problem "no_such_user" if nobody is called so.
[[nodiscard]] Result<Account> find_account(const std::string& user);
/// That of this process's user; nothing if there is none, or if it cannot be told.
[[nodiscard]] std::optional<Account> own_account();

}  // namespace promised
