// SPDX-License-Identifier: Apache-2.0
// What is behind Store, for store.cpp, apply.cpp, replay.cpp, backlog.cpp, links.cpp and parts.cpp.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/store/database_file.hpp"
#include "daemon/store/result_files.hpp"
#include "daemon/store/state_directory.hpp"
#include "daemon/store/statements.hpp"
#include "daemon/store/store.hpp"

namespace promised {

struct Store::Impl {
  Impl(StateDirectory held, Database opened, Statements prepared, ResultFiles files)
      : directory(std::move(held)),
        database(std::move(opened)),
        statements(std::move(prepared)),
        results(std::move(files)) {}

  // In this order: the statements go before their database, and the lock goes last.
  StateDirectory directory;
  Database database;
  Statements statements;
  ResultFiles results;
  StoreFacts facts;
  dev_t device = 0;  ///< which file the database is, whatever its name
  ino_t inode = 0;
  std::optional<Problem> broken;  ///< the first Problem: after it nothing is tried any more
  bool giving_back = false;
  /// Pages of those that were free when compact() was asked for: what is freed later is for the next time.
  std::int64_t to_give_back = 0;
  bool log_is_named = false;  ///< the directory was synced since the log was made

  /// Remembers a Problem as the first one, if it is; what `work` returned, or the first Problem. That the
  /// disk is full is none to remember, once what was begun is undone.
  template <class T>
  Result<T> checked(Result<T> work) {
    if (work.ok()) return work;
    if (!broken && work.problem().code == kDiskFull && database.roll_back()) return work;
    if (!broken) {
      broken = with_advice(work.problem(), database.path());
      database.abandon();
    }
    return *broken;
  }

  Result<void> write(std::span<const Change> changes);
  Result<void> write_rows(std::span<const Change> changes);
  Result<void> apply(const change::InsertJob& c);
  Result<void> apply(const change::StartJob& c);
  Result<void> apply(const change::RequeueJob& c);
  Result<void> apply(const change::AdjustJob& c);
  Result<void> apply(const change::KnowJob& c);
  Result<void> apply(const change::CancelJob& c);
  Result<void> apply(const change::EndJob& c);
  Result<void> apply(const change::DeleteJob& c);
  Result<void> apply(const change::SetName& c);
  Result<void> apply(const change::DropName& c);
  Result<void> apply(const change::DeleteName& c);
  Result<void> apply(const change::TellJob& c);
  Result<void> apply(const change::TakeJob& c);
  Result<void> apply(const change::BuryId& c);
  Result<void> apply(const change::DeleteGrave& c);
  Result<void> apply(const change::LinkJob& c);
  Result<void> apply(const change::ReadyJob& c);
  Result<void> apply(const change::SteerQueue& c);
  Result<void> apply(const change::SteerQuota& c);
  Result<void> apply(const change::RetryJob& c);
  template <class F>
  Result<void> change_options(const JobId& id, F&& change);
  Result<void> keep_large(const JobId& job, Part part, std::string_view content);
  Result<void> delete_large(const JobId& job, Part part);

  Result<void> replay(const std::function<void(RecoveredJob)>& job,
                      const std::function<void(RecoveredName)>& name);
  Result<void> replay_jobs(const std::function<void(RecoveredJob)>& job);
  Result<void> replay_names(const std::function<void(RecoveredName)>& name);
  Result<void> replay_links(const std::function<void(const RecoveredLink&)>& link);
  Result<void> replay_graves(const std::function<void(const RecoveredGrave&)>& grave);
  Result<void> replay_steered(const std::function<void(SteeredQueue)>& queue,
                              const std::function<void(SteeredQuota)>& quota);
  Result<void> replay_backlog(const std::function<void(const RecoveredBacklog&)>& part,
                              const std::function<void(const JobId&)>& id,
                              const std::function<void(RecoveredJob)>& known);
  Result<void> replay_known(const std::function<void(RecoveredJob)>& known);
  Result<std::vector<RecoveredJob>> load_backlog(const effect::LoadBacklog& page);
  Result<std::optional<RecoveredJob>> load_job(const JobId& id);
  Result<Payload> load_arguments(const JobId& id);
  Result<bool> find_in_backlog(BacklogSearch& search);
  Result<void> find_result_files();
  Result<std::optional<Payload>> load_result(const JobId& id);
  Result<std::vector<PartChunk>> load_parts(const effect::LoadParts& wanted);
  Result<void> keep_output(const JobId& id, const Payload& output);
  Result<std::string> load_output(const effect::LoadOutput& wanted);
  Result<Payload> load_large(std::string_view job, Part part);
  Result<void> load_large_arguments(RecoveredJob& job);

  Result<void> check_presence() const;
  Result<bool> tidy();
  Result<void> compact();
  void measure();
};

}  // namespace promised
