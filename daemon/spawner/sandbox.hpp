// SPDX-License-Identifier: Apache-2.0
// What keeps a worker from the rest of the machine (SEMANTICS I6), done by the worker's process to itself
// before it becomes the worker's program. A level that cannot be had is a Problem, never a weaker one.
#pragma once

#include <cstdint>

#include "common/result.hpp"
#include "daemon/settings.hpp"

namespace promised {

enum class Separated : std::uint8_t {
  done,
  left_to_user  ///< separate_as_user() is to do it, behind the change of user
};

/// `default`: a /tmp of its own. With root's privileges, before they are given up; where this process has
/// them not, and for `strict`, it is left to the user. What is written there is in memory: `memory_limit`
/// bytes of it (0: there is no limit) and at most a quarter of the machine's, whichever is less.
[[nodiscard]] Result<Separated> separate_as_root(Sandbox level, std::uint64_t memory_limit);

/// A /tmp of its own and, if `level` says so, no network, no shared memory, semaphores or message queues of
/// others, files that can only be read, nothing of what is mounted outside later, and no way to services of
/// the user's own (/run/user). Without privileges, in a user namespace in which the user is itself and nobody
/// else. What the machine knows of capabilities is left outside, root's too, and so are the user's other
/// processes: no way leads through /proc to the files that they see.
[[nodiscard]] Result<void> separate_as_user(Sandbox level, std::uint64_t memory_limit);

/// `strict`: what exec makes of this process has no capability, and none can be had, though it be root: exec
/// would else give root all those of its user namespace, to which the mounts of the sandbox belong. After
/// separate_as_user().
[[nodiscard]] Result<void> leave_capabilities(Sandbox level);

/// `strict`: from now on system calls that only administration of the machine needs fail with EPERM, sockets
/// that are not AF_UNIX, AF_INET, AF_INET6 or AF_NETLINK with EAFNOSUPPORT, those of AF_NETLINK that are not
/// NETLINK_ROUTE with EPROTONOSUPPORT, and calls that are newer than the list of these with ENOSYS: what they
/// are good for has not been looked at.
[[nodiscard]] Result<void> refuse_system_calls(Sandbox level);
/// The second part, for numbers above `newest`. libc then does without, as on an older kernel. Takes
/// no_new_privs.
[[nodiscard]] Result<void> refuse_newer_system_calls(int newest);

}  // namespace promised
