// SPDX-License-Identifier: Apache-2.0
// The backlog: jobs that wait on disk until their turn comes near.
#include <utility>

#include "common/glob.hpp"
#include "daemon/store/job_row.hpp"
#include "daemon/store/store_impl.hpp"

namespace promised {
namespace {

/// Rows that one step of a search looks at: a millisecond or two.
constexpr std::int64_t kRowsAtOnce = 2000;

bool matches(const BacklogSearch& search, const RecoveredJob& job) {
  return (!search.owner || job.owner == *search.owner) &&
         (search.queue.empty() || job.options.queue() == search.queue) &&
         (search.function.empty() || glob_matches(search.function, job.function));
}

}  // namespace

Result<void> Store::Impl::replay_backlog(const std::function<void(const RecoveredBacklog&)>& part,
                                         const std::function<void(const JobId&)>& id,
                                         const std::function<void(RecoveredJob)>& known) {
  PROMISED_ASSIGN(
      Statement parts,
      database.prepare("SELECT queue, function, quotas, priority, owner, count(*), min(submitted) FROM job"
                       " INDEXED BY backlog WHERE queue IS NOT NULL"
                       " GROUP BY queue, function, quotas, priority, owner"));
  for (;;) {
    PROMISED_ASSIGN(const bool more, parts.step());
    if (!more) break;
    part({std::string(parts.bytes(0)), std::string(parts.bytes(1)), std::string(parts.bytes(2)),
          static_cast<int>(parts.integer(3)), static_cast<std::uint32_t>(parts.integer(4)),
          static_cast<std::uint64_t>(parts.integer(5)), wall(parts.integer(6))});
  }
  PROMISED_ASSIGN(Statement ids,
                  database.prepare("SELECT id FROM job INDEXED BY backlog WHERE queue IS NOT NULL"));
  for (;;) {
    PROMISED_ASSIGN(const bool more, ids.step());
    if (!more) break;
    PROMISED_ASSIGN(const JobId found, read_id(ids.bytes(0)));
    id(found);
  }
  return replay_known(known);
}

Result<void> Store::Impl::replay_known(const std::function<void(RecoveredJob)>& known) {
  PROMISED_ASSIGN(Statement rows, database.prepare("SELECT " + std::string(kJobColumns) +
                                                   " FROM job INDEXED BY known WHERE known IS NOT NULL"));
  for (;;) {
    PROMISED_ASSIGN(const bool more, rows.step());
    if (!more) return {};
    PROMISED_ASSIGN(RecoveredJob job, read_job(rows));
    // It goes on at once; all others get their arguments when their turn comes near.
    if (job.started) PROMISED_TRY(load_large_arguments(job));
    known(std::move(job));
  }
}

Result<std::vector<RecoveredJob>> Store::Impl::load_backlog(const effect::LoadBacklog& page) {
  Statement& s = statements.load_backlog;
  s.bind_text(1, page.queue).bind_text(2, page.function).bind(3, page.priority);
  s.bind(4, page.after.time_since_epoch().count()).bind(5, page.most);
  page.quotas.empty() ? s.bind_null(6) : s.bind_text(6, page.quotas);
  std::vector<RecoveredJob> jobs;
  for (;;) {
    PROMISED_ASSIGN(const bool more, s.step());
    if (!more) break;
    PROMISED_ASSIGN(RecoveredJob job, read_job(s));
    jobs.push_back(std::move(job));
  }
  s.reset();
  for (RecoveredJob& job : jobs) PROMISED_TRY(load_large_arguments(job));
  return jobs;
}

Result<bool> Store::Impl::find_in_backlog(BacklogSearch& search) {
  static const std::string kAboveAll(JobId::kSize + 1, '\xff');
  Statement& s = statements.find_in_backlog;
  s.bind_blob(1, search.from.view());
  s.bind_blob(2, search.below.empty() ? std::string_view(kAboveAll) : search.below.view())
      .bind(3, kRowsAtOnce);
  std::int64_t rows = 0;
  for (; search.found.size() < search.most; ++rows) {
    PROMISED_ASSIGN(const bool more, s.step());
    if (!more) break;
    PROMISED_ASSIGN(RecoveredJob job, read_job(s));
    search.below = job.id;
    job.arguments = {};
    if (matches(search, job)) search.found.push_back(std::move(job));
  }
  s.reset();
  return rows == kRowsAtOnce && search.found.size() < search.most;
}

Result<std::optional<RecoveredJob>> Store::Impl::load_job(const JobId& id) {
  Statement& s = statements.load_job;
  PROMISED_ASSIGN(const bool found, s.bind_blob(1, id.view()).step());
  if (!found) return std::optional<RecoveredJob>();
  PROMISED_ASSIGN(RecoveredJob job, read_job(s));
  s.reset();
  PROMISED_TRY(load_large_arguments(job));
  return std::optional<RecoveredJob>(std::move(job));
}

}  // namespace promised
