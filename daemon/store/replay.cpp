// SPDX-License-Identifier: Apache-2.0
// Rows become what decide starts from.
#include <algorithm>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "daemon/store/job_row.hpp"
#include "daemon/store/store_impl.hpp"

namespace promised {
namespace {

constexpr std::string_view kReplayedNames =
    "SELECT owner, name, state, job, lifespan, until FROM name ORDER BY owner, name";

/// What `submitted, id` is of one job; 24 bytes, so five million of them fit.
struct Place {
  std::int64_t moment;
  JobId id;
  friend auto operator<=>(const Place&, const Place&) = default;
};

/// The jobs in the order of their places in their queues. Their ids, made by clients when they submitted, are
/// nearly in that order, but for those that were delayed or tried again.
Result<std::vector<Place>> in_order(Database& database) {
  std::vector<Place> places;
  PROMISED_ASSIGN(
      Statement rows,
      database.prepare("SELECT coalesce(due, submitted), id FROM job WHERE queue IS NULL ORDER BY id"));
  for (;;) {
    PROMISED_ASSIGN(const bool more, rows.step());
    if (!more) break;
    PROMISED_ASSIGN(const JobId id, read_id(rows.bytes(1)));
    places.push_back({rows.integer(0), id});
  }
  if (!std::is_sorted(places.begin(), places.end())) std::sort(places.begin(), places.end());
  return places;
}

/// The rows of jobs by id, best asked for in the order of their ids: the next row is a step away, any other a
/// search.
class JobRows {
 public:
  [[nodiscard]] static Result<JobRows> of(Database& database) {
    PROMISED_ASSIGN(Statement rows, database.prepare("SELECT " + std::string(kJobColumns) +
                                                     " FROM job WHERE id>=?1 ORDER BY id"));
    return JobRows(std::move(rows));
  }

  [[nodiscard]] Result<RecoveredJob> read(const JobId& id) {
    // Rows that belong to a neighbouring part of the order lie between: stepping over a few is cheaper than a
    // search.
    for (int steps = 0; steps < kMostSteps && on_row_ && rows_.bytes(0) < id.view(); ++steps) {
      PROMISED_ASSIGN(on_row_, rows_.step());
    }
    if (!on_row_ || rows_.bytes(0) != id.view()) {
      rows_.reset();
      PROMISED_ASSIGN(on_row_, rows_.bind_blob(1, id.view()).step());
    }
    if (!on_row_ || rows_.bytes(0) != id.view()) {
      return damaged("job " + id.text() + " is listed but cannot be found");
    }
    return read_job(rows_);
  }

 private:
  static constexpr int kMostSteps = 8;
  explicit JobRows(Statement rows) : rows_(std::move(rows)) {}

  Statement rows_;
  bool on_row_ = false;
};

/// So many jobs are read in the order of their ids before they are handed over in that of their places.
constexpr std::size_t kJobsAtOnce = 4096;

/// Where in `places` the job with the lowest id is, then the next, and so on.
std::vector<std::size_t> by_id(std::span<const Place> places) {
  std::vector<std::size_t> order(places.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return places[a].id < places[b].id; });
  return order;
}

}  // namespace

Result<void> Store::Impl::replay(const std::function<void(RecoveredJob)>& job,
                                 const std::function<void(RecoveredName)>& name) {
  // One transaction: each search would begin one of its own otherwise.
  PROMISED_ASSIGN(Transaction transaction, Transaction::begin(database));
  PROMISED_TRY(replay_jobs(job));
  PROMISED_TRY(replay_names(name));
  return transaction.commit();
}

Result<void> Store::Impl::replay_jobs(const std::function<void(RecoveredJob)>& job) {
  PROMISED_ASSIGN(const std::vector<Place> places, in_order(database));
  PROMISED_ASSIGN(JobRows rows, JobRows::of(database));
  std::vector<RecoveredJob> part;
  for (std::size_t begin = 0; begin < places.size(); begin += part.size()) {
    const auto wanted = std::span(places).subspan(begin, std::min(kJobsAtOnce, places.size() - begin));
    part.resize(wanted.size());
    for (const std::size_t i : by_id(wanted)) {
      PROMISED_ASSIGN(part[i], rows.read(wanted[i].id));
      PROMISED_TRY(load_large_arguments(part[i]));
    }
    for (RecoveredJob& recovered : part) job(std::move(recovered));
  }
  return {};
}

Result<void> Store::Impl::replay_graves(const std::function<void(const RecoveredGrave&)>& grave) {
  PROMISED_ASSIGN(Statement rows,
                  database.prepare("SELECT id, owner, guard, until FROM grave ORDER BY until"));
  for (;;) {
    PROMISED_ASSIGN(const bool more, rows.step());
    if (!more) return {};
    RecoveredGrave recovered;
    PROMISED_ASSIGN(recovered.id, read_id(rows.bytes(0)));
    recovered.owner = static_cast<std::uint32_t>(rows.integer(1));
    recovered.guard = rows.integer(2) != 0;
    recovered.until = wall(rows.integer(3));
    grave(recovered);
  }
}

Result<void> Store::Impl::replay_names(const std::function<void(RecoveredName)>& name) {
  PROMISED_ASSIGN(Statement rows, database.prepare(kReplayedNames));
  for (;;) {
    PROMISED_ASSIGN(const bool more, rows.step());
    if (!more) return {};
    RecoveredName recovered;
    recovered.owner = static_cast<std::uint32_t>(rows.integer(0));
    recovered.name = rows.bytes(1);
    const bool held = rows.integer(2) == 0;
    if (held) {
      PROMISED_ASSIGN(recovered.id, read_id(rows.bytes(3)));
    } else {
      PROMISED_ASSIGN(recovered.state, read_state(rows.integer(2), {State::lapsed, State::forgotten},
                                                  "name " + recovered.name));
    }
    recovered.lifespan = std::chrono::milliseconds(rows.integer(4));
    recovered.until = wall(rows.integer(5));
    name(std::move(recovered));
  }
}

}  // namespace promised
