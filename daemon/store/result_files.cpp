// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/result_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "daemon/store/disk_problem.hpp"

namespace promised {
namespace {

/// Files that one step of tidy() looks at: some milliseconds, also where each is large.
constexpr int kFilesAtOnce = 16;

Result<void> write_all(int file, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return disk_problem("cannot write " + path);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

bool no_descriptor_left(int error) {
  return error == EMFILE || error == ENFILE;
}

Problem lost(const std::string& path, const std::string& why) {
  return Problem::of("lost", "the result is lost: its file " + path + " " + why +
                                 "; put the file back from a backup, or run the job again");
}

/// No trouble of the disk: somebody did it.
Problem removed(const std::string& directory) {
  return Problem::of(
      "system",
      "the directory " + directory +
          " was removed while the daemon ran; put it back from a backup if there is one, then start "
          "promised again: it makes the directory if need be, and the large results that are not in "
          "it are lost. All else that was accepted is safe");
}

}  // namespace

Result<ResultFiles> ResultFiles::open(const std::string& state_directory, std::uint64_t above) {
  std::string path = state_directory + "/results";
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return disk_problem("cannot make the directory " + path);
  Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) return Problem::system("cannot open the directory " + path);
  ResultFiles files(std::move(path), std::move(directory), above);
  files.spare_.reset(::fcntl(files.directory_.get(), F_DUPFD_CLOEXEC, 0));
  return files;
}

std::string ResultFiles::path_of(const JobId& job) const {
  return path_ + "/" + job.text();
}

bool ResultFiles::takes(const JobId& job, const Payload& result) const {
  if (result.size() <= above_ || named_.contains(job)) return false;
  if (holds_ > 0 && std::find(to_remove_.begin(), to_remove_.end(), job) != to_remove_.end()) return false;
  return std::none_of(written_.begin(), written_.end(), [&](const Written& file) { return file.job == job; });
}

void ResultFiles::add(const JobId& job, std::uint64_t size) {
  named_[job] = size;
  bytes_ += size;
}

Result<bool> ResultFiles::write(const JobId& job, const Payload& result) {
  if (!takes(job, result)) return false;
  // What an earlier try has left: another inode takes its place, so that who reads or has linked that one
  // does not see it change.
  PROMISED_TRY(remove(job));
  const std::string path = path_of(job);
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid() && no_descriptor_left(errno)) return false;
  if (!file.valid() && errno == ENOENT) return removed(path_);
  if (!file.valid()) return disk_problem("cannot make " + path);
  unsettled_ = true;
  written_.push_back({job, result.size()});
  PROMISED_TRY(write_all(file.get(), result.view(), path));
  if (::fdatasync(file.get()) != 0)
    return disk_problem("cannot sync " + path);  // the next try is another file
  return true;
}

Result<void> ResultFiles::settle() {
  if (!unsettled_) return {};
  if (::fsync(directory_.get()) != 0) return sync_problem("cannot sync the directory " + path_);
  unsettled_ = false;
  return {};
}

void ResultFiles::drop(const JobId& job) {
  if (named_.empty() && written_.empty()) return;
  dropped_.push_back(job);
}

void ResultFiles::committed() {
  for (const Written& file : written_) add(file.job, file.size);
  for (const JobId& job : dropped_) {
    const auto known = named_.find(job);
    if (known == named_.end()) continue;
    bytes_ -= known->second;
    named_.erase(known);
    to_remove_.push_back(job);
  }
  written_.clear();
  dropped_.clear();
}

void ResultFiles::rolled_back() {
  // At once: where the disk is full their space is needed. What cannot be removed now is tried again later,
  // and then told.
  for (const Written& file : written_) {
    if (!remove(file.job)) to_remove_.push_back(file.job);
  }
  written_.clear();
  dropped_.clear();
}

Result<Payload> ResultFiles::read(const JobId& job) const {
  const std::string path = path_of(job);
  const auto known = named_.find(job);
  if (known == named_.end()) return lost(path, "is not known");
  const Fd file = open_for_reading(path);
  if (!file.valid()) return lost(path, std::string("cannot be opened: ") + std::strerror(errno));
  const std::uint64_t size = known->second;
  auto* bytes = static_cast<char*>(::operator new(size));
  const auto give_back = [](void* memory) { ::operator delete(memory); };
  Payload content(bytes, size, give_back, bytes);
  std::uint64_t at = 0;
  while (at < size) {
    const ssize_t got = ::read(file.get(), bytes + at, size - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return lost(path, std::string("cannot be read: ") + std::strerror(errno));
    if (got == 0) break;
    at += static_cast<std::uint64_t>(got);
  }
  struct stat found {};
  if (::fstat(file.get(), &found) != 0) return Problem::system("cannot look at " + path);
  if (static_cast<std::uint64_t>(found.st_size) != size) {
    return lost(path, "has " + std::to_string(found.st_size) + " bytes, expected " + std::to_string(size));
  }
  return content;
}

Fd ResultFiles::open_for_reading(const std::string& path) const {
  const auto open = [&] { return Fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)); };
  Fd file = open();
  if (!file.valid() && no_descriptor_left(errno)) {
    spare_.reset();
    file = open();
  }
  return file;
}

Result<bool> ResultFiles::tidy() {
  if (!spare_.valid()) spare_.reset(::fcntl(directory_.get(), F_DUPFD_CLOEXEC, 0));
  if (holds_ > 0) return false;
  PROMISED_ASSIGN(const bool more_to_sweep, sweep());
  for (int left = kFilesAtOnce; left > 0 && !to_remove_.empty(); --left) {
    const JobId job = to_remove_.back();
    // Its job may have been submitted anew meanwhile, and have ended with another.
    if (!named_.contains(job)) PROMISED_TRY(remove(job));
    to_remove_.pop_back();
  }
  return more_to_sweep || !to_remove_.empty();
}

/// Looks through the directory for what no row names: a daemon was killed between file and row.
Result<bool> ResultFiles::sweep() {
  if (swept_) return false;
  if (!listing_) {
    listing_.reset(::opendir(path_.c_str()));
    if (!listing_ && no_descriptor_left(errno)) return false;  // another time
    if (!listing_) return Problem::system("cannot read the directory " + path_);
  }
  for (int left = kFilesAtOnce; left > 0; --left) {
    errno = 0;
    const dirent* entry = ::readdir(listing_.get());
    if (entry == nullptr && errno != 0) return Problem::system("cannot read the directory " + path_);
    if (entry == nullptr) {
      listing_.reset();
      swept_ = true;
      return false;
    }
    // What has another name is not the daemon's.
    const std::optional<JobId> job = JobId::parse(entry->d_name);
    if (job && !named_.contains(*job)) PROMISED_TRY(remove(*job));
  }
  return true;
}

Result<void> ResultFiles::remove(const JobId& job) const {
  const std::string path = path_of(job);
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return disk_problem("cannot remove " + path);
}

}  // namespace promised
