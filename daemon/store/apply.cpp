// SPDX-License-Identifier: Apache-2.0
// Changes become rows.
#include "common/wire/client_codec.hpp"
#include "daemon/store/store_impl.hpp"

namespace promised {
namespace {

/// The log is copied into the database when it has this many pages of 4 KiB. Larger: a page that changes
/// often is copied less often; smaller: less to recover after a kill, and a shorter stall. 16 MiB are some
/// tens of milliseconds of both.
constexpr int kMostLogPages = 4096;

std::int64_t micros(WallTime t) {
  return t.time_since_epoch().count();
}

std::int64_t number(State s) {
  return static_cast<std::int64_t>(s);
}

/// Small payloads are in the job's row, large ones elsewhere; none at all is NULL.
void bind_inline(Statement& statement, int parameter, const Payload& payload) {
  if (payload.empty() || payload.size() > kMostInline) {
    statement.bind_null(parameter);
  } else {
    statement.bind_blob(parameter, payload.view());
  }
}

/// Zero, which is none, is NULL.
void bind_moment(Statement& statement, int parameter, WallTime moment) {
  moment == WallTime() ? statement.bind_null(parameter) : statement.bind(parameter, micros(moment));
}

}  // namespace

Result<void> Store::Impl::write(std::span<const Change> changes) {
  auto written = write_rows(changes);
  written ? results.committed() : results.rolled_back();
  if (written) measure();
  return written;
}

Result<void> Store::Impl::write_rows(std::span<const Change> changes) {
  // Before, not after: what comes after the commit must not fail a batch that is on disk.
  if (database.log_pages() >= kMostLogPages) PROMISED_TRY(database.checkpoint(Database::Log::keep));
  PROMISED_TRY(check_presence());
  // The log was made when the database was opened. SQLite syncs its name with the first commit, but takes no
  // notice when that fails: a power cut would take the log away, with all that was committed since.
  if (!log_is_named) PROMISED_TRY(directory.sync());
  log_is_named = true;
  PROMISED_TRY(statements.begin.run());
  for (const Change& change : changes) {
    PROMISED_TRY(std::visit([this](const auto& c) { return apply(c); }, change));
  }
  PROMISED_TRY(results.settle());
  PROMISED_TRY(statements.commit.run());
  facts.last_commit = Now::read().wall;
  return {};
}

Result<void> Store::Impl::keep_large(const JobId& job, Part part, std::string_view content) {
  if (content.size() <= kMostInline) return {};
  return statements.insert_large.bind_blob(1, job.view())
      .bind(2, static_cast<std::int64_t>(part))
      .bind_blob(3, content)
      .run();
}

Result<void> Store::Impl::delete_large(const JobId& job, Part part) {
  return statements.delete_large_part.bind_blob(1, job.view()).bind(2, static_cast<std::int64_t>(part)).run();
}

Result<void> Store::Impl::apply(const change::InsertJob& c) {
  const std::string options = wire::encode(c.options);
  Statement& s = statements.insert_job;
  s.bind_blob(1, c.id.view()).bind(2, micros(c.submitted)).bind(3, c.owner).bind(4, number(State::pending));
  s.bind(5, static_cast<std::int64_t>(c.arguments.size())).bind_text(6, c.function).bind_blob(7, options);
  bind_inline(s, 8, c.arguments);
  if (c.backlog) {
    s.bind_text(9, c.options.queue()).bind(10, c.options.priority());
    s.bind(11, static_cast<std::int64_t>(c.client)).bind(12, static_cast<std::int64_t>(c.number));
  } else {
    for (const int parameter : {9, 10, 12}) s.bind_null(parameter);
    c.client == 0 ? s.bind_null(11) : s.bind(11, static_cast<std::int64_t>(c.client));
  }
  c.known ? s.bind(13, 1) : s.bind_null(13);
  c.quotas.empty() ? s.bind_null(14) : s.bind_text(14, c.quotas);
  c.command.empty() ? s.bind_null(15) : s.bind_text(15, c.command);
  bind_moment(s, 16, c.due);
  PROMISED_TRY(s.run());
  return keep_large(c.id, Part::arguments, c.arguments.view());
}

Result<void> Store::Impl::apply(const change::StartJob& c) {
  return statements.start_job.bind_blob(1, c.id.view()).bind(2, c.attempts).run();
}

Result<void> Store::Impl::apply(const change::RequeueJob& c) {
  const bool failed = c.failure != Failure{};
  const std::string failure = failed ? wire::encode(c.failure) : std::string();
  Statement& s = statements.requeue_job;
  s.bind_blob(1, c.id.view()).bind(2, c.attempts).bind(3, c.interruptions);
  c.crashes == 0 ? s.bind_null(4) : s.bind(4, c.crashes);
  failed ? s.bind_blob(5, failure) : s.bind_null(5);
  bind_moment(s, 6, c.due);
  return s.run();
}

/// `change` is given the options of the job, if it is there.
template <class F>
Result<void> Store::Impl::change_options(const JobId& id, F&& change) {
  PROMISED_ASSIGN(const bool found, statements.load_options.bind_blob(1, id.view()).step());
  if (!found) return {};
  auto options = wire::decode_options(statements.load_options.bytes(0));
  statements.load_options.reset();
  if (!options) {
    return Problem::of("corrupt", database.path() + " is damaged: the options of job " + id.text() + ": " +
                                      options.problem().message);
  }
  change(*options);
  const std::string changed = wire::encode(*options);
  return statements.set_options.bind_blob(1, id.view()).bind_blob(2, changed).run();
}

Result<void> Store::Impl::apply(const change::AdjustJob& c) {
  return change_options(c.id, [&](Options& o) { o.timeout(c.timeout).run_timeout(c.run_timeout); });
}

Result<void> Store::Impl::apply(const change::RetryJob& c) {
  PROMISED_TRY(statements.retry_job.bind_blob(1, c.id.view())
                   .bind(2, number(State::pending))
                   .bind(3, micros(c.due))
                   .run());
  PROMISED_TRY(statements.delete_parts.bind_blob(1, c.id.view()).run());
  PROMISED_TRY(delete_large(c.id, Part::output));
  return change_options(c.id, [](Options& o) {
    o.delay(std::chrono::milliseconds(0)).begin_by(std::chrono::milliseconds(0));
    o.deadline(std::chrono::milliseconds(0));
    o.abandon(Abandon::go_on);  // who submitted it has its outcome, and may have gone
  });
}

Result<void> Store::Impl::apply(const change::KnowJob& c) {
  return statements.know_job.bind_blob(1, c.id.view()).run();
}

Result<void> Store::Impl::apply(const change::CancelJob& c) {
  return statements.cancel_job.bind_blob(1, c.id.view()).bind_text(2, c.reason).run();
}

Result<void> Store::Impl::apply(const change::EndJob& c) {
  const bool failed = c.failure != Failure{};
  const std::string failure = failed ? wire::encode(c.failure) : std::string();
  Statement& s = statements.end_job;
  s.bind_blob(1, c.id.view()).bind(2, number(c.state)).bind(3, c.attempts);
  s.bind(4, static_cast<std::int64_t>(c.result.size())).bind(5, micros(c.started)).bind(6, micros(c.ended));
  failed ? s.bind_blob(7, failure) : s.bind_null(7);
  c.reason.empty() ? s.bind_null(8) : s.bind_text(8, c.reason);
  // Before the row: it says where the result is.
  PROMISED_ASSIGN(const bool file, results.write(c.id, c.result));
  bind_inline(s, 9, c.result);  // which nothing above large_result is
  file ? s.bind(10, 1) : s.bind_null(10);
  c.crashes == 0 ? s.bind_null(11) : s.bind(11, c.crashes);
  const bool may_run_again = c.state == State::failed;
  s.bind(12, may_run_again ? 1 : 0);
  PROMISED_TRY(s.run());
  if (database.changed() == 0) {  // it is not there: nothing of it is kept
    results.drop(c.id);
    return {};
  }
  if (!may_run_again) PROMISED_TRY(delete_large(c.id, Part::arguments));
  return file ? Result<void>() : keep_large(c.id, Part::result, c.result.view());
}

Result<void> Store::Impl::apply(const change::DeleteJob& c) {
  PROMISED_TRY(statements.delete_job.bind_blob(1, c.id.view()).run());
  results.drop(c.id);
  if (c.has_link) PROMISED_TRY(statements.delete_link.bind_blob(1, c.id.view()).run());
  if (c.has_parts) PROMISED_TRY(statements.delete_parts.bind_blob(1, c.id.view()).run());
  return statements.delete_large.bind_blob(1, c.id.view()).run();
}

Result<void> Store::Impl::apply(const change::SetName& c) {
  return statements.set_name.bind(1, c.owner)
      .bind_text(2, c.name)
      .bind_blob(3, c.id.view())
      .bind(4, c.lifespan.count())
      .run();
}

Result<void> Store::Impl::apply(const change::DropName& c) {
  return statements.drop_name.bind(1, c.owner)
      .bind_text(2, c.name)
      .bind(3, number(c.tombstone))
      .bind(4, micros(c.until))
      .run();
}

Result<void> Store::Impl::apply(const change::DeleteName& c) {
  return statements.delete_name.bind(1, c.owner).bind_text(2, c.name).run();
}

Result<void> Store::Impl::apply(const change::TakeJob& c) {
  return statements.take_job.bind_blob(1, c.id.view()).bind(2, static_cast<std::int64_t>(c.client)).run();
}

Result<void> Store::Impl::apply(const change::BuryId& c) {
  return statements.bury_id.bind_blob(1, c.id.view())
      .bind(2, c.owner)
      .bind(3, c.guard ? 1 : 0)
      .bind(4, micros(c.until))
      .run();
}

Result<void> Store::Impl::apply(const change::DeleteGrave& c) {
  return statements.delete_grave.bind_blob(1, c.id.view()).run();
}

}  // namespace promised
