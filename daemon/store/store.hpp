// SPDX-License-Identifier: Apache-2.0
// The jobs, names and tombstones on disk: one SQLite database (WAL, synchronous=FULL) in the state directory.
// Used by one thread at a time: by recovery at start, by the committer afterwards. Knows nothing of
// scheduling.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/payload.hpp"
#include "common/result.hpp"
#include "daemon/flow.hpp"
#include "daemon/settings.hpp"
#include "daemon/store/database_copy.hpp"

namespace promised {

class Store {
 public:
  /// Opens `directory`/promised.db, making or migrating it as needed, and takes the directory's lock.
  /// Problems: "locked" (names the pid that holds it), "corrupt", "newer" (the schema of a later version),
  /// "system".
  ///
  /// Results above `large_result` bytes are files of their own below `directory`/results.
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(const std::string& directory,
                                                           std::uint64_t large_result = kLargeResult);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Hands over how many jobs wait in the backlog, by where they stand, then the ids of all of them, then
  /// those of them that have to be known (change::KnowJob).
  [[nodiscard]] Result<void> replay_backlog(const std::function<void(const RecoveredBacklog&)>& part,
                                            const std::function<void(const JobId&)>& id,
                                            const std::function<void(RecoveredJob)>& known);
  /// Hands over all jobs that are not of the backlog in submission order (id order within one microsecond),
  /// then all names. Arguments only of jobs that have not ended; results stay.
  [[nodiscard]] Result<void> replay(const std::function<void(RecoveredJob)>& job,
                                    const std::function<void(RecoveredName)>& name);
  /// Hands over how jobs hang together with others; before the jobs.
  [[nodiscard]] Result<void> replay_links(const std::function<void(const RecoveredLink&)>& link);
  /// Hands over the tombstones of ids, the first to end first.
  [[nodiscard]] Result<void> replay_graves(const std::function<void(const RecoveredGrave&)>& grave);

  /// Hands over what was said of queues and quotas at run time.
  [[nodiscard]] Result<void> replay_steered(const std::function<void(SteeredQueue)>& queue,
                                            const std::function<void(SteeredQuota)>& quota);

  /// Writes the changes in one transaction; on return they are on disk. After the Problem kDiskFull nothing
  /// has happened, and the same may be tried again. After any other the store accepts nothing more: every
  /// later call fails with the first Problem. What is said of a job that is not there changes nothing; an id
  /// that is there already cannot be inserted (a Problem).
  [[nodiscard]] Result<void> apply(std::span<const Change> changes);

  /// The result of a job that has succeeded; nothing if there is no such job. Problem "lost": it was a file
  /// that is not there as it was written; the store goes on.
  [[nodiscard]] Result<std::optional<Payload>> load_result(const JobId& id);

  /// Parts of a job that has ended, beginning with the row that has number `from`, until they have `most`
  /// bytes; none if there is no such job.
  [[nodiscard]] Result<std::vector<PartChunk>> load_parts(const effect::LoadParts& wanted);

  /// Of what is kept of an ended job's output, `most` bytes from number `from` on, or as many as there are.
  [[nodiscard]] Result<std::string> load_output(const effect::LoadOutput& wanted);

  /// Jobs of the backlog, with their arguments, in submission order.
  [[nodiscard]] Result<std::vector<RecoveredJob>> load_backlog(const effect::LoadBacklog& page);
  /// A job of the backlog; nothing if it has ended, or never was of it.
  [[nodiscard]] Result<std::optional<RecoveredJob>> load_job(const JobId& id);

  /// The arguments of a job that has failed; none if it is not there, or they are gone.
  [[nodiscard]] Result<Payload> load_arguments(const JobId& id);

  /// Goes on with a search for a few thousand rows; true if there are more to look at.
  [[nodiscard]] Result<bool> find_in_backlog(BacklogSearch& search);

  /// For when there is nothing else to do: a step of some milliseconds of what can wait (copying the log into
  /// the database, returning the space of what was deleted to the file system, removing the files of results
  /// that are gone). True if there is more of it.
  [[nodiscard]] Result<bool> tidy();
  /// From now on tidy() returns the space of all that is deleted now, and not only when it is much.
  [[nodiscard]] Result<void> compact();
  /// Pages that are still to be returned for it.
  [[nodiscard]] std::uint64_t left_to_compact() const;

  /// A step of removing the files of results that are gone; true if there are more.
  [[nodiscard]] Result<bool> remove_gone_results();
  /// From hold to release no file of a result is removed: somebody copies what rows named a moment ago.
  void hold_results();
  void release_results();

  /// Begins a copy of the database, into an empty file. It is made between the calls here, and must be gone
  /// before the store is. Its problems are not the store's.
  [[nodiscard]] Result<DatabaseCopy> copy_to(const std::string& path);

  /// Where it is.
  [[nodiscard]] const std::string& state_directory() const;

  /// Bytes of the database and its log; the time of the last commit by this process, if there was one.
  [[nodiscard]] StoreFacts facts() const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace promised
