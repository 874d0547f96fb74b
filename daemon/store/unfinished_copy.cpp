// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/unfinished_copy.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "common/fd.hpp"
#include "common/ids.hpp"
#include "daemon/store/disk_problem.hpp"
#include "daemon/store/result_copies.hpp"
#include "daemon/store/state_directory.hpp"

namespace promised {
namespace {

constexpr std::string_view kUnfinished = ".unfinished";
constexpr std::string_view kDamaged = ".damaged";

std::string note_path(const std::string& state_directory) {
  return state_directory + "/backup.unfinished";
}

std::string check_path(const std::string& state_directory) {
  return state_directory + "/check.unfinished";
}

Problem trouble(const std::string& what, int error = errno) {
  return Problem::of("store", Problem::system(what, error).message);
}

bool is_there(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return trouble("cannot remove " + path);
}

/// Removes what this file says is made in such a directory, and no more: a directory that has anything else
/// in it stays.
Result<void> remove_copy(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0)
    return errno == ENOENT ? Result<void>() : trouble("cannot look at " + path);
  if (!S_ISDIR(found.st_mode) || found.st_uid != ::geteuid())
    return Problem::of("store", path + " is not a directory of this daemon's; it is left as it is");
  for (const char* suffix : {"", "-wal", "-shm", "-journal"})
    PROMISED_TRY(remove_file(path + "/promised.db" + suffix));
  const std::string results = results_directory(path);
  std::error_code error;
  for (std::filesystem::directory_iterator it(results, error), end; !error && it != end;
       it.increment(error)) {
    if (JobId::parse(it->path().filename().string())) PROMISED_TRY(remove_file(it->path().string()));
  }
  if (::rmdir(results.c_str()) != 0 && errno != ENOENT)
    return trouble("cannot remove the directory " + results);
  if (::rmdir(path.c_str()) != 0) return trouble("cannot remove the directory " + path);
  return {};
}

/// Notes on disk which directory is about to be made; unless there is no room: a backup of a store on a full
/// disk is worth more than that what a kill leaves of it is removed.
Result<void> write_note(const std::string& state_directory, const std::string& path) {
  const std::string note = note_path(state_directory);
  const Fd file(::open(note.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid() && no_space_left(errno)) return {};
  if (!file.valid()) return trouble("cannot make " + note);
  const std::string text = path + "\n";
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    if (no_space_left(errno)) return remove_file(note);
    return trouble("cannot write " + note);
  }
  if (::fsync(file.get()) != 0) return trouble("cannot sync " + note);
  return sync_directory(state_directory);
}

Result<void> remove_note(const std::string& state_directory) {
  return remove_file(note_path(state_directory));
}

/// The wall clock, in UTC: no two backups are made within a millisecond.
std::string name_of_now() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto millis =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H-%M-%S", &utc);
  std::snprintf(text.data() + size, text.size() - size, ".%03dZ", static_cast<int>(millis));
  return text.data();
}

/// Where the daemon's own backups go.
Result<std::string> default_path(const std::string& state_directory) {
  const std::string backups = state_directory + "/backups";
  if (::mkdir(backups.c_str(), 0700) != 0 && errno != EEXIST)
    return trouble("cannot make the directory " + backups);
  PROMISED_TRY(sync_directory(state_directory));
  return backups + "/" + name_of_now();
}

/// The path without what changes nothing in it.
Result<std::string> usable_path(const std::string& state_directory, const std::string& wanted) {
  const auto refused = [&](const std::string& why) {
    return Problem::of("store",
                       "expected an absolute path of a directory to be made, found \"" + wanted + "\"" + why);
  };
  if (wanted.front() != '/' || wanted.find('\0') != std::string::npos) return refused("");
  std::string path = std::filesystem::path(wanted).lexically_normal().string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (path == "/") return refused("");
  std::error_code error;
  if (std::filesystem::equivalent(std::filesystem::path(path).parent_path(), state_directory, error)) {
    return refused(", which is in the state directory itself; below " + state_directory +
                   "/backups there is room for it");
  }
  return path;
}

Problem cannot_make(const std::string& state_directory, const std::string& path, int error) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  std::string text = Problem::system("cannot make the directory " + path, error).message;
  if (error == ENOENT || error == ENOTDIR) {
    text += "; " + parent + " must be a directory that is there already";
  } else if (error == EACCES || error == EPERM || error == EROFS) {
    text +=
        "; the daemon runs as user " + std::to_string(::geteuid()) + ", who must be able to write to " +
        parent +
        ", and as a service of systemd it may write outside its state directory only to what ReadWritePaths= "
        "names in its unit; without a path the backup goes to " +
        state_directory + "/backups";
  }
  return Problem::of("store", text);
}

}  // namespace

Result<UnfinishedCopy> UnfinishedCopy::for_check(const std::string& state_directory) {
  const std::string path = check_path(state_directory);
  PROMISED_TRY(remove_copy(path));
  if (::mkdir(path.c_str(), 0700) != 0) return trouble("cannot make the directory " + path);
  return UnfinishedCopy(state_directory, path, {});
}

Result<UnfinishedCopy> UnfinishedCopy::for_backup(const std::string& state_directory, std::string path) {
  if (path.empty()) {
    PROMISED_ASSIGN(path, default_path(state_directory));
  } else {
    PROMISED_ASSIGN(path, usable_path(state_directory, path));
  }
  const std::string unfinished = path + std::string(kUnfinished);
  for (const std::string& name : {path, path + std::string(kDamaged), unfinished}) {
    if (is_there(name))
      return Problem::of("store", name + " is there already; name a directory that is not, or move it away");
  }
  PROMISED_TRY(write_note(state_directory, unfinished));
  if (::mkdir(unfinished.c_str(), 0700) != 0) {
    Problem problem = cannot_make(state_directory, unfinished, errno);
    PROMISED_TRY(remove_note(state_directory));
    return problem;
  }
  return UnfinishedCopy(state_directory, unfinished, path);
}

UnfinishedCopy::UnfinishedCopy(UnfinishedCopy&& other) noexcept
    : state_directory_(std::move(other.state_directory_)),
      path_(std::exchange(other.path_, {})),
      final_path_(std::move(other.final_path_)) {}

UnfinishedCopy::~UnfinishedCopy() {
  if (path_.empty()) return;
  // What cannot be removed now is tried again at the next start, which tells of it.
  if (remove_copy(path_).ok() && !final_path_.empty()) static_cast<void>(remove_note(state_directory_));
}

Result<std::string> UnfinishedCopy::publish(Condition condition) {
  PROMISED_TRY(sync_directory(path_));
  const std::string name =
      final_path_ + (condition == Condition::damaged ? std::string(kDamaged) : std::string());
  // Replaces nothing but an empty directory.
  if (std::rename(path_.c_str(), name.c_str()) != 0) return trouble("cannot rename " + path_ + " to " + name);
  path_.clear();
  PROMISED_TRY(sync_directory(std::filesystem::path(name).parent_path().string()));
  PROMISED_TRY(remove_note(state_directory_));
  return name;
}

Result<void> remove_unfinished_copies(const std::string& state_directory) {
  PROMISED_TRY(remove_copy(check_path(state_directory)));
  const std::string note = note_path(state_directory);
  std::ifstream file(note, std::ios::binary);
  if (!file.is_open()) return {};
  std::string path{std::istreambuf_iterator<char>(file), {}};
  // One without its end was not whole when the process was killed: nothing was made yet then.
  if (path.ends_with(std::string(kUnfinished) + "\n")) {
    path.pop_back();
    PROMISED_TRY(remove_copy(path));
  }
  return remove_note(state_directory);
}

}  // namespace promised
