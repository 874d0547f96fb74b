// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/lone_child.hpp"

#include <grp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

namespace promised {

#if defined(__SANITIZE_THREAD__)

pid_t fork_alone() {
  return static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

// What libc has for this reaches every thread that it knows of. A copy that fork() has not made knows of the
// sanitizer's, and would wait for ever for one that was just being started.
bool become(const Account& account) {
  const uid_t uid = account.uid;
  const gid_t gid = account.gid;
  int count = 0;
  ::getgrouplist(account.name.c_str(), gid, nullptr, &count);
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  if (::getgrouplist(account.name.c_str(), gid, groups.data(), &count) < 0) return false;
  return ::syscall(SYS_setgroups, count, groups.data()) == 0 &&
         ::syscall(SYS_setresgid, gid, gid, gid) == 0 && ::syscall(SYS_setresuid, uid, uid, uid) == 0;
}

#else

pid_t fork_alone() {
  return ::fork();
}

bool become(const Account& account) {
  const uid_t uid = account.uid;
  const gid_t gid = account.gid;
  return ::initgroups(account.name.c_str(), gid) == 0 && ::setresgid(gid, gid, gid) == 0 &&
         ::setresuid(uid, uid, uid) == 0;
}

#endif

}  // namespace promised
