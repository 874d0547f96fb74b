// SPDX-License-Identifier: Apache-2.0
// A directory in which a copy of the store is made. Until it is whole it has a name that says that it is not,
// and it is removed with this object, or at the next start if the process is killed: for that a backup's
// place is noted in the state directory before it is made.
#pragma once

#include <string>

#include "common/result.hpp"

namespace promised {

class UnfinishedCopy {
 public:
  /// For a check: in the state directory.
  [[nodiscard]] static Result<UnfinishedCopy> for_check(const std::string& state_directory);
  /// For a backup that is to become `path` (empty: backups/<now, in UTC> in the state directory). Problem
  /// "store" says what to do where that is not possible: not absolute, there already, no permission.
  [[nodiscard]] static Result<UnfinishedCopy> for_backup(const std::string& state_directory,
                                                         std::string path);
  ~UnfinishedCopy();
  UnfinishedCopy(UnfinishedCopy&& other) noexcept;
  UnfinishedCopy& operator=(UnfinishedCopy&&) = delete;

  /// Where it is now; promised.db, and results/ with its files, are made in it.
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string database() const { return path_ + "/promised.db"; }

  enum class Condition { sound, damaged };
  /// Of a backup whose files are on disk: gives it its name, with ".damaged" behind if it is. Returns that.
  [[nodiscard]] Result<std::string> publish(Condition condition);

 private:
  UnfinishedCopy(std::string state_directory, std::string path, std::string final_path)
      : state_directory_(std::move(state_directory)),
        path_(std::move(path)),
        final_path_(std::move(final_path)) {}

  std::string state_directory_;
  std::string path_;        ///< empty: nothing is left to remove
  std::string final_path_;  ///< empty: it is for a check
};

/// Removes what a process that was killed has left unfinished. For the start, when the state directory is
/// held.
[[nodiscard]] Result<void> remove_unfinished_copies(const std::string& state_directory);

}  // namespace promised
