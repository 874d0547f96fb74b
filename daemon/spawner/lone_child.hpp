// SPDX-License-Identifier: Apache-2.0
// A child with one thread, as a user namespace demands, and how it becomes another user. ThreadSanitizer has
// a thread of its own in each process, and its fork() starts one in the child: in its build, and only there,
// both go past the libraries.
#pragma once

#include <sys/types.h>

#include "daemon/spawner/account.hpp"

namespace promised {

/// As fork(); the caller has one thread, but for the sanitizer's.
[[nodiscard]] pid_t fork_alone();

/// Becomes the user of the account for good, with the groups that the system's databases have for it. False:
/// errno says why, and some of it may have been done.
[[nodiscard]] bool become(const Account& account);

}  // namespace promised
