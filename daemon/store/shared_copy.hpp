// SPDX-License-Identifier: Apache-2.0
// A copy of the live database that two threads make together: the one that wants it and waits for it, and the
// committer, which alone has the connection and adds to the copy between two commits. In portions, each of
// them on disk before the next one begins: what is not synced yet of a large copy would hold up the commits'
// own syncs.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "common/result.hpp"
#include "daemon/store/database_copy.hpp"
#include "daemon/store/store.hpp"

namespace promised {

class SharedCopy {
 public:
  /// `ask` makes the committer take a turn, soon; it is called by the thread of make(). `progress` is told
  /// from 0 to 1, by the committer.
  SharedCopy(std::function<void()> ask, std::function<void(double)> progress)
      : ask_(std::move(ask)), progress_(std::move(progress)) {}

  /// Makes `path`, with mode 0600, and returns when the copy is whole and on disk. Problems: "store",
  /// "interrupted", and what `may_go_on` says after a portion.
  [[nodiscard]] Result<void> make(const std::string& path, const std::function<Result<void>()>& may_go_on);

  /// A few milliseconds of copying, for the committer; true if it is to take another turn after what it has
  /// else to do.
  [[nodiscard]] bool take_turn(Store& store);

  /// make() gives up. From any thread.
  void stop();

 private:
  enum class Phase { idle, wanted, portion_done, whole, failed };
  [[nodiscard]] Result<Phase> await_portion();
  void end_portion(Phase phase, std::optional<Problem> problem = {});

  const std::function<void()> ask_;
  const std::function<void(double)> progress_;
  std::mutex mutex_;
  std::condition_variable moved_;
  Phase phase_ = Phase::idle;         // guarded by mutex_
  std::string path_;                  // guarded by mutex_
  std::optional<Problem> problem_;    // guarded by mutex_
  bool stopped_ = false;              // guarded by mutex_
  std::optional<DatabaseCopy> copy_;  // the committer's
  int portion_ = 0;                   // the committer's: pages in this one so far
};

/// What is said of work on the store that was given up.
[[nodiscard]] Problem interrupted();

}  // namespace promised
