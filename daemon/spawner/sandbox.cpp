// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/sandbox.hpp"

#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/fd.hpp"

namespace promised {
namespace {

constexpr std::array kPrivate{"/tmp", "/var/tmp"};
// Sockets that a user's own services listen at: whoever reaches the user's systemd can have it start what is
// in no sandbox. And the message queues of outside, which who opens them as files can read in any namespace.
constexpr std::array kHidden{"/run/user", "/dev/mqueue"};
constexpr std::uint64_t kPage = 4096;

std::string name_of(Sandbox level) {
  return level == Sandbox::strict ? "sandbox = strict" : "sandbox = default";
}

int namespaces_of(Sandbox level) {
  return level == Sandbox::strict ? CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC : CLONE_NEWNS;
}

Problem failed(Sandbox level, std::string_view what) {
  return Problem::system(name_of(level) + ": " + std::string(what));
}

// What is not there need not be hidden.
bool is_there(const char* path) {
  struct stat found {};
  return ::stat(path, &found) == 0 || errno != ENOENT;
}

// Of what is in memory because of a sandbox: as much as the worker may have, and at most a quarter of the
// machine's.
std::uint64_t room_for_files(std::uint64_t memory_limit) {
  const std::uint64_t quarter = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) / 4 *
                                static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return memory_limit == 0 ? quarter : std::min(memory_limit, quarter);
}

// A folder of `base`, open, so that it can be put in its place when `base` is hidden.
Result<Fd> folder_in(Sandbox level, const char* base, const char* name) {
  const std::string path = std::string(base) + "/" + name;
  // Whatever the umask says.
  if (::mkdir(path.c_str(), 0700) != 0 || ::chmod(path.c_str(), 01777) != 0) return failed(level, path);
  Fd folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return failed(level, path);
  return folder;
}

// All are folders of one file system, so that one bound holds for what is in them together. A file takes a
// page at least, but an empty one nothing but itself: that is counted too.
Result<void> private_folders(Sandbox level, std::uint64_t memory_limit) {
  std::vector<const char*> hidden;
  std::copy_if(kPrivate.begin(), kPrivate.end(), std::back_inserter(hidden), is_there);
  if (hidden.empty()) return {};
  const std::uint64_t room = room_for_files(memory_limit);
  const std::string options =
      "mode=0711,size=" + std::to_string(room) + ",nr_inodes=" + std::to_string(room / kPage);
  const char* base = hidden.front();
  if (::mount("promised-tmp", base, "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0)
    return failed(level, std::string("a private ") + base);
  std::vector<Fd> folders;
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    PROMISED_ASSIGN(Fd folder, folder_in(level, base, std::to_string(i).c_str()));
    folders.push_back(std::move(folder));
  }
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    const std::string folder = "/proc/self/fd/" + std::to_string(folders[i].get());
    if (::mount(folder.c_str(), hidden[i], nullptr, MS_BIND, nullptr) != 0)
      return failed(level, std::string("a private ") + hidden[i]);
  }
  return {};
}

Result<void> hide(Sandbox level, const char* path) {
  if (!is_there(path)) return {};
  if (::mount("promised-hidden", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "mode=0555,size=4k,nr_inodes=1") != 0)
    return failed(level, std::string("hide ") + path);
  return {};
}

// In a mount namespace of its own. What is here is not seen outside.
Result<void> arrange_files(Sandbox level, std::uint64_t memory_limit) {
  if (level == Sandbox::strict) {
    // What is mounted outside later would come in as it is there: writable.
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return failed(level, "mount / as private");
    mount_attr read_only{};
    read_only.attr_set = MOUNT_ATTR_RDONLY;
    if (::mount_setattr(-1, "/", AT_RECURSIVE, &read_only, sizeof read_only) != 0)
      return failed(level, "mount all files read-only");
    for (const char* path : kHidden) PROMISED_TRY(hide(level, path));
  } else if (::mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    return failed(level, "mount / as a slave");
  }
  return private_folders(level, memory_limit);
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

Result<Separated> separate_as_root(Sandbox level, std::uint64_t memory_limit) {
  if (level == Sandbox::none) return Separated::done;
  if (level == Sandbox::strict || ::geteuid() != 0) return Separated::left_to_user;
  if (::unshare(namespaces_of(level)) != 0) {
    if (errno == EPERM) return Separated::left_to_user;
    return failed(level, "unshare");
  }
  PROMISED_TRY(arrange_files(level, memory_limit));
  return Separated::done;
}

Result<void> separate_as_user(Sandbox level, std::uint64_t memory_limit) {
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
  return arrange_files(level, memory_limit);
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
