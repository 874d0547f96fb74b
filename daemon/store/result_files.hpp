// SPDX-License-Identifier: Apache-2.0
// Large results: each a file of its own below the state directory, `results/` and the job's id, named by its
// job's row. What is in the database twice (its log and itself) is so written once, and a job's end does not
// fill the log. A file never changes once it is named: it is on disk before the row that names it, and goes
// after it. What a killed daemon left without a row is removed when there is nothing else to do. Used by
// Store alone.
#pragma once

#include <dirent.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/fd.hpp"
#include "common/payload.hpp"
#include "common/result.hpp"
#include "daemon/flow.hpp"

namespace promised {

class ResultFiles {
 public:
  /// Results above `above` bytes are files. Makes the directory if need be; its own name is on disk when
  /// `state_directory` has been synced.
  [[nodiscard]] static Result<ResultFiles> open(const std::string& state_directory, std::uint64_t above);

  /// At the start: a row names this file.
  void add(const JobId& job, std::uint64_t size);

  /// Within a transaction. True: the result is a file, its content is on disk, its name is after settle().
  /// False: it is to be kept in the database, for it is too small, no descriptor is left, or the job has a
  /// file already, which stays as it is until its row is gone for good and nobody holds it (a job that was
  /// submitted anew under an id that had lapsed). Problems: kDiskFull, "system".
  [[nodiscard]] Result<bool> write(const JobId& job, const Payload& result);
  /// Before the transaction's commit.
  [[nodiscard]] Result<void> settle();
  /// The job's row goes with the transaction, and so may its file, if it has one.
  void drop(const JobId& job);
  /// How the transaction ended: what was written and dropped in it counts, or was for nothing and is removed.
  void committed();
  void rolled_back();

  /// The whole result of a job whose row names its file. Problem "lost": it is not there as it was written.
  [[nodiscard]] Result<Payload> read(const JobId& job) const;

  /// A step of removing what no row names any more, between transactions; true if there is more.
  [[nodiscard]] Result<bool> tidy();
  /// While held, nothing is removed: somebody copies what rows named a moment ago. As many release() as
  /// hold().
  void hold() { ++holds_; }
  void release() { --holds_; }

  /// Of all files that rows name.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  struct CloseDirectory {
    void operator()(DIR* listing) const { ::closedir(listing); }
  };
  struct Written {
    JobId job;
    std::uint64_t size;
  };

  ResultFiles(std::string path, Fd directory, std::uint64_t above)
      : path_(std::move(path)), directory_(std::move(directory)), above_(above) {}
  [[nodiscard]] bool takes(const JobId& job, const Payload& result) const;
  [[nodiscard]] Result<bool> sweep();
  [[nodiscard]] Fd open_for_reading(const std::string& path) const;
  [[nodiscard]] Result<void> remove(const JobId& job) const;
  [[nodiscard]] std::string path_of(const JobId& job) const;

  std::string path_;
  Fd directory_;
  mutable Fd spare_;  ///< to be able to read where no descriptor is left
  std::uint64_t above_;
  std::unordered_map<JobId, std::uint64_t> named_;  ///< by rows, with their sizes
  std::uint64_t bytes_ = 0;
  std::vector<Written> written_;                  ///< in this transaction
  std::vector<JobId> dropped_;                    ///< in this transaction
  bool unsettled_ = false;                        ///< names that were made are not on disk
  std::vector<JobId> to_remove_;                  ///< no row names them any more
  std::unique_ptr<DIR, CloseDirectory> listing_;  ///< of the sweep, as far as it has come
  bool swept_ = false;                            ///< what an earlier daemon left is gone
  int holds_ = 0;
};

}  // namespace promised
