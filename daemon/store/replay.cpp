// SPDX-License-Identifier: Apache-2.0
// Rows become what decide starts from.
#include <algorithm>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "common/wire/client_codec.hpp"
#include "daemon/store/store_impl.hpp"

namespace promised {
namespace {

constexpr std::string_view kJobsFrom =
    "SELECT id, submitted, owner, state, started, attempts, interruptions, arguments_size, result_size, "
    "began, ended,"
    " function, options, failure, reason, arguments FROM job WHERE id>=?1 ORDER BY id";
constexpr std::string_view kNames =
    "SELECT owner, name, state, job, lifespan, until FROM name ORDER BY owner, name";

/// What `submitted, id` is of one job; 24 bytes, so five million of them fit.
struct Place {
  std::int64_t submitted;
  JobId id;
  friend auto operator<=>(const Place&, const Place&) = default;
};

WallTime wall(std::int64_t micros) {
  return WallTime(std::chrono::microseconds(micros));
}

Problem damaged(const std::string& what) {
  return Problem::of("corrupt", "the database is damaged: " + what);
}

Result<JobId> read_id(std::string_view bytes) {
  if (bytes.size() != JobId::kSize) {
    return damaged("a job's id has " + std::to_string(bytes.size()) + " bytes instead of 16");
  }
  std::array<std::uint8_t, JobId::kSize> id;
  std::memcpy(id.data(), bytes.data(), id.size());
  return JobId(id);
}

Result<State> read_state(std::int64_t number, std::initializer_list<State> expected, const std::string& of) {
  for (const State s : expected) {
    if (static_cast<std::int64_t>(s) == number) return s;
  }
  return damaged(of + " has the impossible state " + std::to_string(number));
}

/// Everything in a row of kJobsFrom but large arguments.
Result<RecoveredJob> read_job(const Statement& row, const JobId& id) {
  RecoveredJob job;
  job.id = id;
  job.submitted = wall(row.integer(1));
  job.owner = static_cast<std::uint32_t>(row.integer(2));
  PROMISED_ASSIGN(job.state, read_state(row.integer(3),
                                        {State::pending, State::succeeded, State::failed, State::cancelled,
                                         State::expired},
                                        "job " + id.text()));
  job.started = row.integer(4) != 0;
  job.attempts = static_cast<std::uint32_t>(row.integer(5));
  job.interruptions = static_cast<std::uint32_t>(row.integer(6));
  job.arguments_size = static_cast<std::uint64_t>(row.integer(7));
  job.result_size = static_cast<std::uint64_t>(row.integer(8));
  job.began = wall(row.integer(9));
  job.ended = wall(row.integer(10));
  job.function = row.bytes(11);
  auto options = wire::decode_options(row.bytes(12));
  if (!options) return damaged("the options of job " + id.text() + ": " + options.problem().message);
  job.options = *std::move(options);
  if (const std::string_view bytes = row.bytes(13); !bytes.empty()) {
    auto failure = wire::decode_failure(bytes);
    if (!failure) return damaged("the failure of job " + id.text() + ": " + failure.problem().message);
    job.failure = *std::move(failure);
  }
  job.reason = row.bytes(14);
  job.arguments = Payload(row.bytes(15));
  return job;
}

/// The jobs in the order in which they were submitted. Their ids, made by clients, are nearly in that order.
Result<std::vector<Place>> in_order(Database& database) {
  PROMISED_ASSIGN(const std::int64_t count, database.integer("SELECT count(*) FROM job"));
  std::vector<Place> places;
  places.reserve(static_cast<std::size_t>(count));
  PROMISED_ASSIGN(Statement rows, database.prepare("SELECT submitted, id FROM job ORDER BY id"));
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
    PROMISED_ASSIGN(Statement rows, database.prepare(kJobsFrom));
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
    return read_job(rows_, id);
  }

 private:
  static constexpr int kMostSteps = 8;
  explicit JobRows(Statement rows) : rows_(std::move(rows)) {}

  Statement rows_;
  bool on_row_ = false;
};

/// So many jobs are read in the order of their ids before they are handed over in that of their submission.
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
      if (part[i].state == State::pending && part[i].arguments_size > kMostInline) {
        PROMISED_ASSIGN(part[i].arguments, load_large(wanted[i].id.view(), Part::arguments));
      }
    }
    for (RecoveredJob& recovered : part) job(std::move(recovered));
  }
  return {};
}

Result<void> Store::Impl::replay_names(const std::function<void(RecoveredName)>& name) {
  PROMISED_ASSIGN(Statement rows, database.prepare(kNames));
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
