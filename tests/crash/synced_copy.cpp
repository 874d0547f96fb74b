// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/synced_copy.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/fd.hpp"

namespace promised::test {
namespace {

namespace fs = std::filesystem;
constexpr off_t kPage = 4096;

/// The daemon that this is in is of no more use to the test.
void require(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::abort();
}

struct stat look_at(int fd) {
  struct stat found {};
  require(::fstat(fd, &found) == 0, "SyncedCopy: fstat");
  return found;
}

/// With the names that they have from `directory` on.
std::map<std::string, ino_t> files_below(const std::string& directory) {
  std::map<std::string, ino_t> files;
  std::error_code none;
  for (const auto& entry : fs::recursive_directory_iterator(directory, none)) {
    struct stat found {};
    if (::lstat(entry.path().c_str(), &found) == 0 && S_ISREG(found.st_mode))
      files[entry.path().lexically_relative(directory)] = found.st_ino;
  }
  return files;
}

/// Where a file is, as directory_synced() is told.
std::string directory_of(const std::string& name) {
  return fs::path(name).parent_path();
}

Fd open_copy(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  require(fd.valid(), "SyncedCopy: open a copy");
  return fd;
}

}  // namespace

std::string synced_file(ino_t inode) {
  return "inode-" + std::to_string(inode);
}

SyncedNames read_synced_names(const std::string& copy) {
  SyncedNames names;
  std::ifstream in(copy + "/names");
  for (std::string name, file; in >> name >> file;) names[name] = file;
  return names;
}

SyncedCopy::SyncedCopy(std::string directory, std::string copy)
    : directory_(std::move(directory)), copy_(std::move(copy)) {
  if (fs::exists(path_of("names"))) {
    names_ = read_synced_names(copy_);
    load_lost();
    return;
  }
  fs::create_directories(copy_);
  for (const auto& [name, inode] : files_below(directory_)) {
    fs::copy_file(directory_ + "/" + name, path_of(synced_file(inode)), fs::copy_options::overwrite_existing);
    names_[name] = synced_file(inode);
    dirty_[inode].all = false;
  }
  publish(names_);
}

void SyncedCopy::publish(const SyncedNames& names) const {
  {
    std::ofstream out(path_of("names.new"), std::ios::trunc);
    for (const auto& [name, file] : names) out << name << ' ' << file << '\n';
  }
  fs::rename(path_of("names.new"), path_of("names"));
}

void SyncedCopy::wrote(int fd, off_t offset, std::size_t size) {
  const ino_t inode = look_at(fd).st_ino;
  Dirty& dirty = dirty_[inode];
  if (!dirty.all) dirty.ranges.emplace_back(offset, size);
  const auto lost = lost_.find(inode);
  if (lost == lost_.end()) return;
  const off_t end = offset + static_cast<off_t>(size);
  for (off_t page = offset / kPage; page * kPage < end; ++page) lost->second.erase(page);
  save_lost();
}

void SyncedCopy::truncated(int fd) {
  dirty_[look_at(fd).st_ino].all = true;
}

void SyncedCopy::copy_range(int from, int to, ino_t inode, off_t offset, off_t end) {
  const auto found = lost_.find(inode);
  std::vector<char> buffer(std::size_t{1} << 20);
  while (offset < end) {
    off_t size = std::min<off_t>(end - offset, static_cast<off_t>(buffer.size()));
    if (found != lost_.end() && !found->second.empty()) {
      size = std::min(size, (offset / kPage + 1) * kPage - offset);
      if (found->second.contains(offset / kPage)) {
        offset += size;
        continue;
      }
    }
    const ssize_t got = ::pread(from, buffer.data(), static_cast<std::size_t>(size), offset);
    require(got >= 0, "SyncedCopy: pread");
    if (got == 0) return;
    require(::pwrite(to, buffer.data(), static_cast<std::size_t>(got), offset) == got, "SyncedCopy: pwrite");
    offset += got;
  }
}

void SyncedCopy::synced(int fd) {
  const struct stat found = look_at(fd);
  Dirty& dirty = dirty_[found.st_ino];
  // The descriptor may be one for writing only.
  const Fd from(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC));
  require(from.valid(), "SyncedCopy: open a file again");
  const Fd to = open_copy(path_of(synced_file(found.st_ino)));
  if (std::exchange(dirty.all, false)) dirty.ranges = {{0, static_cast<std::size_t>(found.st_size)}};
  for (const auto& [offset, size] : std::exchange(dirty.ranges, {})) {
    const off_t end = std::min(offset + static_cast<off_t>(size), found.st_size);
    copy_range(from.get(), to.get(), found.st_ino, offset, end);
  }
  require(::ftruncate(to.get(), found.st_size) == 0, "SyncedCopy: ftruncate");
}

void SyncedCopy::sync_failed(int fd) {
  const struct stat found = look_at(fd);
  Dirty& dirty = dirty_[found.st_ino];
  if (std::exchange(dirty.all, false)) dirty.ranges = {{0, static_cast<std::size_t>(found.st_size)}};
  for (const auto& [offset, size] : std::exchange(dirty.ranges, {})) {
    const off_t end = offset + static_cast<off_t>(size);
    for (off_t page = offset / kPage; page * kPage < end; ++page) lost_[found.st_ino].insert(page);
  }
  save_lost();
}

void SyncedCopy::directory_synced(const std::string& which) {
  SyncedNames names = names_;
  std::erase_if(names, [&](const auto& n) { return directory_of(n.first) == which; });
  for (const auto& [name, inode] : files_below(directory_)) {
    if (directory_of(name) != which) continue;
    names[name] = synced_file(inode);
    static_cast<void>(open_copy(path_of(synced_file(inode))));  // nothing of it was synced: it is empty
  }
  publish(names);
  for (const auto& [name, file] : names_) {
    const bool kept =
        std::any_of(names.begin(), names.end(), [&](const auto& n) { return n.second == file; });
    if (!kept) fs::remove(path_of(file));
  }
  names_ = std::move(names);
}

void SyncedCopy::goes(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return;
  dirty_.erase(found.st_ino);
  if (lost_.erase(found.st_ino) > 0) save_lost();
  const std::string file = synced_file(found.st_ino);
  // The inode's number may be given to another file before the directory is synced.
  const std::string kept = "gone-" + std::to_string(::getpid()) + "-" + std::to_string(++gone_);
  bool named = false;
  for (auto& [name, content] : names_) {
    if (content != file) continue;
    named = true;
    content = kept;
  }
  if (!named) {
    fs::remove(path_of(file));
    return;
  }
  fs::copy_file(path_of(file), path_of(kept));
  publish(names_);
  fs::remove(path_of(file));
}

void SyncedCopy::load_lost() {
  std::ifstream in(path_of("lost"));
  ino_t inode = 0;
  for (off_t page = 0; in >> inode >> page;) lost_[inode].insert(page);
}

void SyncedCopy::save_lost() const {
  std::ofstream out(path_of("lost"), std::ios::trunc);
  for (const auto& [inode, pages] : lost_) {
    for (const off_t page : pages) out << inode << ' ' << page << '\n';
  }
}

}  // namespace promised::test
