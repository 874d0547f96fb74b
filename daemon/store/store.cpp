// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/store.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "daemon/store/file_size.hpp"
#include "daemon/store/job_row.hpp"
#include "daemon/store/store_impl.hpp"

namespace promised {
namespace {

/// Space goes back once so many pages of 4 KiB are free, and more than half of all; until a quarter is. What
/// is free and stays is room for the next load.
constexpr std::int64_t kFreePagesToKeep = 4096;
/// Pages a step: some milliseconds.
constexpr int kPagesGivenBack = 512;
/// A log of so many pages is copied into the database when there is nothing else to do: the next start and
/// the next busy time will have less of it.
constexpr int kIdleLogPages = 1024;

Result<std::int64_t> only_number(Statement& statement) {
  PROMISED_ASSIGN(const bool found, statement.step());
  const std::int64_t number = found ? statement.integer(0) : 0;
  statement.reset();
  return number;
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& directory, std::uint64_t large_result) {
  PROMISED_ASSIGN(StateDirectory held, StateDirectory::hold(directory));
  PROMISED_ASSIGN(Database database, open_database_file(held, migrations()));
  PROMISED_ASSIGN(Statements statements, Statements::prepare(database));
  PROMISED_ASSIGN(ResultFiles files, ResultFiles::open(directory, large_result));
  auto impl =
      std::make_unique<Impl>(std::move(held), std::move(database), std::move(statements), std::move(files));
  struct stat opened {};
  if (::stat(impl->database.path().c_str(), &opened) != 0) {
    return Problem::system("cannot look at " + impl->database.path());
  }
  impl->device = opened.st_dev;
  impl->inode = opened.st_ino;
  PROMISED_TRY(impl->checked(impl->find_result_files()));
  impl->measure();
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Store::~Store() = default;

Result<void> Store::replay(const std::function<void(RecoveredJob)>& job,
                           const std::function<void(RecoveredName)>& name) {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->replay(job, name));
}

Result<void> Store::apply(std::span<const Change> changes) {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->write(changes));
}

Result<std::optional<Payload>> Store::load_result(const JobId& id) {
  if (impl_->broken) return *impl_->broken;
  auto result = impl_->load_result(id);
  // One result that is gone is nothing that the others should suffer from.
  if (!result && result.problem().code == "lost") return result;
  return impl_->checked(std::move(result));
}

Result<std::vector<PartChunk>> Store::load_parts(const effect::LoadParts& wanted) {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->load_parts(wanted));
}

Result<std::string> Store::load_output(const effect::LoadOutput& wanted) {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->load_output(wanted));
}

Result<void> Store::replay_backlog(const std::function<void(const RecoveredBacklog&)>& part,
                                   const std::function<void(const JobId&)>& id,
                                   const std::function<void(RecoveredJob)>& known) {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->replay_backlog(part, id, known));
}

Result<void> Store::replay_links(const std::function<void(const RecoveredLink&)>& link) {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->replay_links(link));
}

Result<void> Store::replay_graves(const std::function<void(const RecoveredGrave&)>& grave) {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->replay_graves(grave));
}

Result<void> Store::replay_steered(const std::function<void(SteeredQueue)>& queue,
                                   const std::function<void(SteeredQuota)>& quota) {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->replay_steered(queue, quota));
}

Result<std::vector<RecoveredJob>> Store::load_backlog(const effect::LoadBacklog& page) {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->load_backlog(page));
}

Result<std::optional<RecoveredJob>> Store::load_job(const JobId& id) {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->load_job(id));
}

Result<Payload> Store::load_arguments(const JobId& id) {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->load_arguments(id));
}

Result<bool> Store::find_in_backlog(BacklogSearch& search) {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->find_in_backlog(search));
}

Result<bool> Store::tidy() {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->tidy());
}

Result<void> Store::compact() {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->compact());
}

std::uint64_t Store::left_to_compact() const {
  return static_cast<std::uint64_t>(impl_->to_give_back);
}

Result<bool> Store::remove_gone_results() {
  if (impl_->broken) return *impl_->broken;
  return impl_->checked(impl_->results.tidy());
}

void Store::hold_results() {
  impl_->results.hold();
}

void Store::release_results() {
  impl_->results.release();
}

Result<DatabaseCopy> Store::copy_to(const std::string& path) {
  if (impl_->broken) return *impl_->broken;
  return DatabaseCopy::begin(impl_->database, path);
}

const std::string& Store::state_directory() const {
  return impl_->directory.path();
}

StoreFacts Store::facts() const {
  return impl_->facts;
}

Result<void> Store::Impl::find_result_files() {
  PROMISED_ASSIGN(Statement rows, database.prepare("SELECT id, result_size FROM job INDEXED BY result_file"
                                                   " WHERE result_file IS NOT NULL"));
  for (;;) {
    PROMISED_ASSIGN(const bool more, rows.step());
    if (!more) return {};
    PROMISED_ASSIGN(const JobId id, read_id(rows.bytes(0)));
    results.add(id, static_cast<std::uint64_t>(rows.integer(1)));
  }
}

Result<std::optional<Payload>> Store::Impl::load_result(const JobId& id) {
  Statement& s = statements.load_result;
  s.bind_blob(1, id.view()).bind(2, static_cast<std::int64_t>(State::succeeded));
  PROMISED_ASSIGN(const bool found, s.step());
  if (!found) return std::optional<Payload>();
  const bool large = static_cast<std::uint64_t>(s.integer(0)) > kMostInline;
  const bool file = s.integer(2) != 0;
  Payload result(s.bytes(1));
  s.reset();
  if (file) {
    PROMISED_ASSIGN(result, results.read(id));
  } else if (large) {
    PROMISED_ASSIGN(result, load_large(id.view(), Part::result));
  }
  return std::optional<Payload>(std::move(result));
}

Result<Payload> Store::Impl::load_large(std::string_view job, Part part) {
  Statement& s = statements.load_large;
  s.bind_blob(1, job).bind(2, static_cast<std::int64_t>(part));
  PROMISED_ASSIGN(const bool found, s.step());
  if (!found)
    return Problem::of("corrupt",
                       database.path() + " is damaged: a job's large arguments or result are gone");
  Payload content(s.bytes(0));
  s.reset();
  return content;
}

Result<bool> Store::Impl::tidy() {
  if (database.log_pages() >= kIdleLogPages) {
    PROMISED_TRY(database.checkpoint(Database::Log::keep));
    return true;
  }
  PROMISED_ASSIGN(const std::int64_t free, only_number(statements.free_pages));
  PROMISED_ASSIGN(const std::int64_t all, only_number(statements.all_pages));
  const bool was_giving_back = giving_back;
  to_give_back = std::min(to_give_back, free);
  giving_back = to_give_back > 0 || (free > kFreePagesToKeep && free > (was_giving_back ? all / 4 : all / 2));
  if (giving_back) {
    PROMISED_TRY(database.execute("PRAGMA incremental_vacuum(" + std::to_string(kPagesGivenBack) + ")"));
    to_give_back -= std::min<std::int64_t>(to_give_back, kPagesGivenBack);
  } else if (was_giving_back) {
    PROMISED_TRY(database.checkpoint(Database::Log::truncate));  // only now the file becomes shorter
  }
  if (was_giving_back) measure();
  PROMISED_ASSIGN(const bool more_files, results.tidy());
  return giving_back || more_files;
}

Result<void> Store::Impl::compact() {
  PROMISED_ASSIGN(to_give_back, only_number(statements.free_pages));
  giving_back = true;  // also when nothing is free: the log is cut in any case
  return {};
}

Result<void> Store::Impl::load_large_arguments(RecoveredJob& job) {
  if (job.state != State::pending || job.arguments_size <= kMostInline) return {};
  PROMISED_ASSIGN(job.arguments, load_large(job.id.view(), Part::arguments));
  return {};
}

/// SQLite would go on writing to a file that has no name any more: what it acknowledges would be gone with
/// the process.
Result<void> Store::Impl::check_presence() const {
  struct stat found {};
  if (::stat(database.path().c_str(), &found) != 0)
    return Problem::system(database.path() + " has been removed");
  if (found.st_dev != device || found.st_ino != inode) {
    return Problem::of("system", database.path() + " has been replaced by another file");
  }
  return {};
}

void Store::Impl::measure() {
  facts.bytes = size_of(database.path()) + size_of(database.path() + "-wal") + results.bytes();
}

}  // namespace promised
