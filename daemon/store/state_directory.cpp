// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/state_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <filesystem>
#include <system_error>

namespace promised {
namespace {

constexpr std::string_view kAdvice =
    "; the daemon's own user must own the state directory and be able to write there";

Problem refused(const std::string& what, int error = errno) {
  Problem problem = Problem::system(what, error);
  problem.message += kAdvice;
  return problem;
}

Result<void> sync_directory(const std::string& path) {
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return Problem::system("cannot open the directory " + path);
  if (::fsync(directory.get()) != 0) return Problem::system("cannot sync the directory " + path);
  return {};
}

Result<void> make(const std::filesystem::path& path) {
  std::filesystem::path parent = path.parent_path();
  if (parent.empty()) parent = ".";
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (error) return refused("cannot make the directory " + parent.string(), error.value());
  if (::mkdir(path.c_str(), 0700) == 0) return sync_directory(parent.string());
  if (errno != EEXIST) return refused("cannot make the directory " + path.string());
  return {};
}

Result<Fd> open_own(const std::string& path) {
  Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return refused("cannot open the directory " + path);
  struct stat found {};
  if (::fstat(directory.get(), &found) != 0) return Problem::system("cannot look at the directory " + path);
  if (found.st_uid != ::geteuid()) {
    return Problem::of("system",
                       path + " belongs to uid " + std::to_string(found.st_uid) + ", expected uid " +
                           std::to_string(::geteuid()) +
                           ", as which this daemon runs; give it that owner or choose another directory");
  }
  if ((found.st_mode & 077) != 0 && ::fchmod(directory.get(), 0700) != 0) {
    return refused("cannot make the directory " + path + " private (mode 0700)");
  }
  return directory;
}

/// Who says in the lock file that it holds it.
std::string holder_of(int lock) {
  char text[32];
  const ssize_t size = ::pread(lock, text, sizeof text, 0);
  std::string pid(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  pid.erase(std::min(pid.find('\n'), pid.size()));
  return pid.empty() ? "another process" : "process " + pid;
}

Result<void> write_pid(int lock, const std::string& path) {
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock, 0) != 0 ||
      ::pwrite(lock, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return refused("cannot write " + path);
  }
  return {};
}

}  // namespace

Result<StateDirectory> StateDirectory::hold(const std::string& path) {
  PROMISED_TRY(make(path));
  PROMISED_ASSIGN(Fd directory, open_own(path));
  const std::string lock_path = path + "/lock";
  Fd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid()) return refused("cannot open " + lock_path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Problem::system("cannot lock " + lock_path);
    return Problem::of("locked", "the state directory " + path + " is in use by " + holder_of(lock.get()) +
                                     ", another promised; stop that one or choose another state directory");
  }
  PROMISED_TRY(write_pid(lock.get(), lock_path));
  return StateDirectory(path, std::move(directory), std::move(lock));
}

Result<void> StateDirectory::sync() const {
  if (::fsync(directory_.get()) != 0) return Problem::system("cannot sync the directory " + path_);
  return {};
}

}  // namespace promised
