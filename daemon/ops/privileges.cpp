// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/privileges.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "common/fd.hpp"

namespace promised {
namespace {

Problem refused(const std::string& message) {
  return Problem::of("privileges", message);
}

/// That all ids are the account's, and that root's cannot be taken back.
Result<void> verify(const SystemUser& account) {
  uid_t uid = 0, euid = 0, suid = 0;
  gid_t gid = 0, egid = 0, sgid = 0;
  if (::getresuid(&uid, &euid, &suid) != 0) return Problem::system("getresuid");
  if (::getresgid(&gid, &egid, &sgid) != 0) return Problem::system("getresgid");
  const bool changed = uid == account.uid && euid == account.uid && suid == account.uid &&
                       gid == account.gid && egid == account.gid && sgid == account.gid;
  if (!changed) return refused("became '" + account.name + "' only in part; refusing to go on");
  if (account.uid != 0 && ::setuid(0) == 0) {
    return refused("could become root again after becoming '" + account.name + "'; refusing to go on");
  }
  return {};
}

/// Makes the directory's last element; says whether it was there.
Result<bool> make(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return false;
  if (errno == EEXIST) return true;
  return Problem::system(path + ": cannot make the directory");
}

Result<void> check_owner(const std::string& path, const struct stat& found, const SystemUser* account) {
  if (!S_ISDIR(found.st_mode)) return refused(path + ": expected a directory");
  const bool known = found.st_uid == 0 || found.st_uid == ::geteuid() ||
                     (account != nullptr && found.st_uid == account->uid);
  if (!known) {
    return refused(path + ": belongs to the user with id " + std::to_string(found.st_uid) +
                   ", who is neither root nor the daemon's own; name another directory");
  }
  if ((found.st_mode & 0022) != 0 && (found.st_mode & S_ISVTX) == 0) {
    return refused(path + ": others may write to it; chmod go-w or name another directory");
  }
  return {};
}

}  // namespace

Result<SystemUser> find_user(const std::string& name) {
  errno = 0;
  const passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr && errno != 0 && errno != ENOENT)
    return Problem::system("cannot look up user '" + name + "'");
  if (entry == nullptr) return refused("there is no user '" + name + "' on this system");
  return SystemUser{name, entry->pw_uid, entry->pw_gid};
}

Result<void> become(const SystemUser& account) {
  if (::geteuid() != 0) {
    if (::geteuid() == account.uid && ::getuid() == account.uid) return {};
    return refused("only root can become '" + account.name + "'; start the daemon as root or as '" +
                   account.name + "', or leave out user = in [daemon]");
  }
  if (::initgroups(account.name.c_str(), account.gid) != 0) {
    return Problem::system("cannot take the groups of '" + account.name + "'");
  }
  if (::setresgid(account.gid, account.gid, account.gid) != 0) {
    return Problem::system("cannot take the group of '" + account.name + "'");
  }
  if (::setresuid(account.uid, account.uid, account.uid) != 0) {
    return Problem::system("cannot become '" + account.name + "'");
  }
  return verify(account);
}

Result<void> prepare_directory(const std::string& path, mode_t mode, const SystemUser* account) {
  std::error_code error;
  const auto parent = std::filesystem::path(path).lexically_normal().parent_path();
  std::filesystem::create_directories(parent, error);
  if (error)
    return Problem::of("system", parent.string() + ": cannot make the directory: " + error.message());
  PROMISED_ASSIGN(const bool existed, make(path, mode));
  const Fd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) return Problem::system(path + ": cannot open the directory");
  struct stat found {};
  if (::fstat(directory.get(), &found) != 0) return Problem::system(path + ": cannot look at the directory");
  PROMISED_TRY(check_owner(path, found, account));
  if (!existed && ::chmod(path.c_str(), mode) != 0) return Problem::system(path + ": cannot set the mode");
  if (account == nullptr || found.st_uid == account->uid) return {};
  const bool empty = std::filesystem::is_empty(path, error);
  if (error) return Problem::of("system", path + ": cannot read the directory: " + error.message());
  if (existed && !(found.st_uid == 0 && empty)) return {};
  if (::fchownat(directory.get(), "", account->uid, account->gid, AT_EMPTY_PATH) != 0) {
    return Problem::system(path + ": cannot give the directory to '" + account->name + "'");
  }
  return {};
}

Result<OpenFiles> raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return Problem::system("cannot read the limit of open files");
  const OpenFiles raised{limit.rlim_cur, limit.rlim_max};
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return Problem::system("cannot raise the limit of open files to " + std::to_string(limit.rlim_max));
  }
  return raised;
}

}  // namespace promised
