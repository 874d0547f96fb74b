// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/state_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <system_error>

#include "daemon/store/disk_problem.hpp"

namespace promised {
namespace {

constexpr std::string_view kAdvice =
    "; the daemon's own user must own the state directory and be able to write there";

Problem refused(const std::string& what, int error = errno) {
  Problem problem = Problem::system(what, error);
  problem.message += kAdvice;
  return problem;
}

}  // namespace

Result<void> sync_directory(const std::string& path) {
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return Problem::system("cannot open the directory " + path);
  if (::fsync(directory.get()) != 0) return Problem::system("cannot sync the directory " + path);
  return {};
}

namespace {

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

}  // namespace

Result<StateDirectory> StateDirectory::hold(const std::string& path) {
  PROMISED_TRY(make(path));
  PROMISED_ASSIGN(Fd directory, open_own(path));
  const std::string lock_path = path + "/lock";
  auto lock = LockFile::hold(lock_path);
  if (!lock) {
    if (lock.problem().code != "locked")
      return Problem::of("system", lock.problem().message + std::string(kAdvice));
    return Problem::of("locked", "the state directory " + path + " is in use by " + lock.problem().message +
                                     ", another promised; stop that one or choose another state directory");
  }
  return StateDirectory(path, std::move(directory), std::move(lock).value());
}

Result<void> StateDirectory::sync() const {
  if (::fsync(directory_.get()) == 0) return {};
  return sync_problem("cannot sync the directory " + path_);
}

}  // namespace promised
