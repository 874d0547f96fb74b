// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/sandbox.hpp"

#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "common/fd.hpp"

namespace promised {
namespace {

std::string name_of(Sandbox level) {
  return level == Sandbox::strict ? "sandbox = strict" : "sandbox = default";
}

int namespaces_of(Sandbox level) {
  return level == Sandbox::strict ? CLONE_NEWNS | CLONE_NEWNET : CLONE_NEWNS;
}

Problem failed(Sandbox level, std::string_view what) {
  return Problem::system(name_of(level) + ": " + std::string(what));
}

Result<void> private_folder(Sandbox level, const char* path) {
  struct stat found {};
  if (::stat(path, &found) != 0 && errno == ENOENT) return {};  // what is not there need not be hidden
  if (::mount("promised-tmp", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=25%") != 0)
    return failed(level, std::string("a private ") + path);
  return {};
}

// In a mount namespace of its own.
Result<void> arrange_files(Sandbox level) {
  // What is mounted and unmounted outside is seen; what is here is not seen there.
  if (::mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return failed(level, "mount / as a slave");
  if (level == Sandbox::strict) {
    mount_attr read_only{};
    read_only.attr_set = MOUNT_ATTR_RDONLY;
    if (::mount_setattr(-1, "/", AT_RECURSIVE, &read_only, sizeof read_only) != 0)
      return failed(level, "mount all files read-only");
  }
  PROMISED_TRY(private_folder(level, "/tmp"));
  return private_folder(level, "/var/tmp");
}

Result<void> write_map(Sandbox level, const char* file, const std::string& text) {
  const Fd fd(::open(file, O_WRONLY | O_CLOEXEC));
  if (!fd.valid() || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return failed(level, file);
  return {};
}

// The maps of a process that has changed its user belong to root, unless it may be dumped. For no longer than
// they take to write: until exec, what the spawner knows of other pools may still be in this memory.
class Dumpable {
 public:
  Dumpable() : before_(::prctl(PR_GET_DUMPABLE)) { ::prctl(PR_SET_DUMPABLE, 1); }
  ~Dumpable() {
    if (before_ != 1) ::prctl(PR_SET_DUMPABLE, 0);
  }
  Dumpable(const Dumpable&) = delete;
  Dumpable& operator=(const Dumpable&) = delete;

 private:
  int before_;
};

std::string itself(unsigned id) {
  return std::to_string(id) + " " + std::to_string(id) + " 1";
}

Result<void> map_itself(Sandbox level, uid_t uid, gid_t gid) {
  const Dumpable meanwhile;
  PROMISED_TRY(write_map(level, "/proc/self/setgroups", "deny"));
  PROMISED_TRY(write_map(level, "/proc/self/uid_map", itself(uid)));
  return write_map(level, "/proc/self/gid_map", itself(gid));
}

}  // namespace

Result<Separated> separate_as_root(Sandbox level) {
  if (level == Sandbox::none) return Separated::done;
  if (level == Sandbox::strict || ::geteuid() != 0) return Separated::left_to_user;
  if (::unshare(namespaces_of(level)) != 0) {
    if (errno == EPERM) return Separated::left_to_user;
    return failed(level, "unshare");
  }
  PROMISED_TRY(arrange_files(level));
  return Separated::done;
}

Result<void> separate_as_user(Sandbox level) {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  if (::unshare(CLONE_NEWUSER | namespaces_of(level)) != 0) {
    const std::string_view what =
        level == Sandbox::strict
            ? "; it takes a user namespace, which is not to be had here: allow it, or say sandbox = default "
              "or none"
            : "; neither root's privileges nor a user namespace is to be had here: allow one of them, or say "
              "sandbox = none";
    return Problem::of("not_permitted",
                       failed(level, "unshare").message + std::string(what) + " (docs/pools.md)");
  }
  PROMISED_TRY(map_itself(level, uid, gid));
  return arrange_files(level);
}

Result<void> leave_capabilities(Sandbox level) {
  if (level != Sandbox::strict) return {};
  constexpr unsigned long kNothingForRoot =
      SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_CAP_AMBIENT_RAISE;
  // Each has its lock in the bit above it; SECBIT_KEEP_CAPS, which is not set, too.
  constexpr unsigned long kLocked = (kNothingForRoot | SECBIT_KEEP_CAPS) << 1;
  if (::prctl(PR_SET_SECUREBITS, kNothingForRoot | kLocked, 0, 0, 0) != 0)
    return failed(level, "leave root's capabilities");
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return failed(level, "leave the ambient capabilities");
  for (unsigned long one = 0; ::prctl(PR_CAPBSET_READ, one, 0, 0, 0) >= 0; ++one) {
    if (::prctl(PR_CAPBSET_DROP, one, 0, 0, 0) != 0) return failed(level, "leave all capabilities");
  }
  return {};
}

}  // namespace promised
