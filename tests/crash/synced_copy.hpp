// SPDX-License-Identifier: Apache-2.0
// What a power cut would leave of a directory and the directories in it: a copy of each file as of its last
// sync, and the names as of the last sync of their directory. Kept by the fault library while the daemon
// runs, in files, so that it is there after a SIGKILL; the copy is made before the daemon is told that its
// sync has succeeded.
#pragma once

#include <sys/types.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace promised::test {

/// The names in a copy: to each the file in the copy that has its content.
using SyncedNames = std::map<std::string, std::string>;
[[nodiscard]] SyncedNames read_synced_names(const std::string& copy);
/// What the content of a file with this inode is kept in.
[[nodiscard]] std::string synced_file(ino_t inode);

class SyncedCopy {
 public:
  /// Takes all that is in `directory` as synced, unless there is a copy of an earlier life.
  SyncedCopy(std::string directory, std::string copy);

  void wrote(int fd, off_t offset, std::size_t size);
  void truncated(int fd);
  void synced(int fd);
  /// As Linux does it: what was to be written counts as written and is lost, unless it is written again.
  void sync_failed(int fd);
  /// `name`: of a directory below; empty: the directory itself.
  void directory_synced(const std::string& name);
  /// Before the file of this name is removed or replaced.
  void goes(const std::string& path);

 private:
  struct Dirty {
    bool all = true;  ///< in this life nothing was synced yet: an earlier one may have left something
    std::vector<std::pair<off_t, std::size_t>> ranges;
  };

  void publish(const SyncedNames& names) const;
  void copy_range(int from, int to, ino_t inode, off_t offset, off_t end);
  [[nodiscard]] std::string path_of(const std::string& file) const { return copy_ + "/" + file; }
  void load_lost();
  void save_lost() const;

  std::string directory_, copy_;
  SyncedNames names_;
  std::map<ino_t, Dirty> dirty_;
  std::map<ino_t, std::set<off_t>> lost_;  ///< pages that a failed sync has left only in memory
  unsigned gone_ = 0;
};

}  // namespace promised::test
