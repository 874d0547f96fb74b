// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/check_copy.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>

#include "daemon/store/job_row.hpp"
#include "daemon/store/migrations.hpp"
#include "daemon/store/shared_copy.hpp"
#include "daemon/store/statements.hpp"

namespace promised {
namespace {

using Row = std::function<void(const Statement&)>;

/// As a finding: where the copy was is of no use to its reader.
std::string told_of(const Database& copy, const Problem& problem) {
  std::string text = problem.message;
  if (const auto at = text.find(copy.path()); at != std::string::npos)
    text.replace(at, copy.path().size(), "the database");
  return text;
}

/// Calls `row` for each row of `sql`. Where the database is too damaged to go on, that is a finding.
Result<void> for_each_row(Database& copy, std::string_view sql, Findings& findings, const Row& row) {
  const auto settle = [&](const Problem& problem) -> Result<void> {
    if (findings.stopped()) return interrupted();
    if (problem.code != "corrupt") return problem;
    findings.add(told_of(copy, problem));
    return {};
  };
  Result<Statement> rows = copy.prepare(sql);
  if (!rows) return settle(rows.problem());
  for (;;) {
    const Result<bool> more = rows->step();
    if (!more) return settle(more.problem());
    if (findings.stopped()) return interrupted();
    if (!*more) return {};
    row(*rows);
  }
}

/// A job's row, with the bytes that are kept of its arguments, its result and its output, in the row and as a
/// large part.
const std::string kJobs =
    "SELECT " + std::string(kJobColumns) +
    ", ifnull(length(arguments), 0), ifnull(length(result), 0), ifnull(length(a.content), 0),"
    " ifnull(length(r.content), 0), ifnull(result_file, 0),"
    " (SELECT sum(length(sizes) / 4) FROM part WHERE part.job=id),"
    " ifnull(length(output), 0), ifnull(length(o.content), 0)"
    " FROM job LEFT JOIN large a ON a.job=id AND a.part=0 LEFT JOIN large r ON r.job=id AND r.part=1"
    " LEFT JOIN large o ON o.job=id AND o.part=2 ORDER BY id";
constexpr int kInlineArguments = kAfterJobColumns, kInlineResult = kAfterJobColumns + 1,
              kLargeArguments = kAfterJobColumns + 2, kLargeResult = kAfterJobColumns + 3,
              kResultFile = kAfterJobColumns + 4, kStreamed = kAfterJobColumns + 5,
              kInlineOutput = kAfterJobColumns + 6, kLargeOutput = kAfterJobColumns + 7;

constexpr std::string_view kCheckedNames =
    "SELECT n.owner, n.name, n.state, n.job, j.id IS NOT NULL"
    " FROM name n LEFT JOIN job j ON j.id=n.job ORDER BY n.owner, n.name";

constexpr std::string_view kSteered = "SELECT name, said, configured FROM steered_queue ORDER BY name";

constexpr std::string_view kStrayParts =
    "SELECT l.job, l.part FROM large l LEFT JOIN job j ON j.id=l.job"
    " WHERE j.id IS NULL OR l.part NOT IN (0, 1, 2)";

constexpr std::string_view kStrayStreams =
    "SELECT DISTINCT p.job FROM part p LEFT JOIN job j ON j.id=p.job WHERE j.id IS NULL";

constexpr std::string_view kStrayLinks =
    "SELECT l.job FROM link l LEFT JOIN job j ON j.id=l.job WHERE j.id IS NULL";

/// Nothing if the `size` bytes that there should be are where they belong, else what is wrong.
std::string misplaced(std::uint64_t size, std::int64_t in_row, std::int64_t in_part) {
  const bool large = size > kMostInline;
  const auto in_place = static_cast<std::uint64_t>(large ? in_part : in_row);
  const auto elsewhere = static_cast<std::uint64_t>(large ? in_row : in_part);
  if (in_place == size && elsewhere == 0) return {};
  return std::to_string(size) + " bytes, found " + std::to_string(in_place + elsewhere);
}

void check_job(const Statement& row, Findings& findings) {
  StoreReport& report = findings.report();
  ++report.jobs;
  const Result<RecoveredJob> read = read_job(row);
  if (!read) {
    findings.add(read.problem().message);
    return;
  }
  const RecoveredJob& job = *read;
  // Those of a job that has failed may be kept.
  const bool some = row.integer(kInlineArguments) + row.integer(kLargeArguments) > 0;
  const bool has_arguments = job.state == State::pending || (job.state == State::failed && some);
  const bool in_file = row.integer(kResultFile) != 0;
  const bool has_result = job.state == State::succeeded;
  if (has_result) ++report.results;
  if (in_file) ++report.result_files;
  const std::string arguments = misplaced(has_arguments ? job.arguments_size : 0,
                                          row.integer(kInlineArguments), row.integer(kLargeArguments));
  if (!arguments.empty()) findings.add("job " + job.id.text() + ": its arguments should have " + arguments);
  const std::string result = misplaced(has_result && !in_file ? job.result_size : 0,
                                       row.integer(kInlineResult), row.integer(kLargeResult));
  if (!result.empty()) findings.add("job " + job.id.text() + ": its result should have " + result);
  const std::string output =
      misplaced(job.told.output_size, row.integer(kInlineOutput), row.integer(kLargeOutput));
  if (!output.empty()) findings.add("job " + job.id.text() + ": its output should have " + output);
  const auto streamed = static_cast<std::uint64_t>(row.integer(kStreamed));
  if (streamed != job.told.parts && (streamed != 0 || is_ended(job.state)))
    findings.add("job " + job.id.text() + " should have streamed " + std::to_string(job.told.parts) +
                 " parts, found " + std::to_string(streamed));
  if (in_file && !has_result)
    findings.add("job " + job.id.text() + " has a file for its result, but has not succeeded");
}

void check_name(const Statement& row, Findings& findings) {
  const std::string name =
      "the name \"" + std::string(row.bytes(1)) + "\" of user " + std::to_string(row.integer(0));
  if (row.integer(2) != 0) {
    ++findings.report().tombstones;
    const auto state = read_state(row.integer(2), {State::lapsed, State::forgotten}, name);
    if (!state) findings.add(state.problem().message);
    return;
  }
  ++findings.report().names;
  const Result<JobId> job = read_id(row.bytes(3));
  if (!job) {
    findings.add(name + ": " + job.problem().message);
  } else if (row.integer(4) == 0) {
    findings.add(name + " stands for job " + job->text() + ", which is not there");
  }
}

void check_steered(const Statement& row, Findings& findings) {
  if (const Result<SteeredQueue> queue = read_steered_queue(row); !queue)
    findings.add(queue.problem().message);
}

void check_stray_part(const Statement& row, Findings& findings) {
  const Result<JobId> job = read_id(row.bytes(0));
  findings.add("there are large arguments, a large result or a large output (part " +
               std::to_string(row.integer(1)) + ") of " +
               (job ? "job " + job->text() : std::string("a job without an id")) + ", which has none");
}

void check_stray_stream(const Statement& row, Findings& findings) {
  const Result<JobId> job = read_id(row.bytes(0));
  findings.add("there are streamed parts of " +
               (job ? "job " + job->text() : std::string("a job without an id")) + ", which is not there");
}

void check_stray_link(const Statement& row, Findings& findings) {
  const Result<JobId> job = read_id(row.bytes(0));
  findings.add("it is kept how " + (job ? "job " + job->text() : std::string("a job without an id")) +
               " hangs together with others, which is not there");
}

}  // namespace

Result<void> check_pages(Database& copy, Findings& findings) {
  // While a statement is under way, an interruption also stops what begins after it. All of the schema has to
  // be read for it, so damage may show here already.
  Result<Statement> anchor = copy.prepare("SELECT 1 FROM sqlite_schema");
  if (anchor) {
    if (const Result<bool> row = anchor->step(); !row) anchor = row.problem();
  }
  if (findings.stopped()) return interrupted();
  if (!anchor) {
    if (anchor.problem().code != "corrupt") return anchor.problem();
    findings.add(told_of(copy, anchor.problem()));
    return {};
  }
  if (const auto ours = check_version(copy, migrations()); !ours) findings.add(told_of(copy, ours.problem()));
  return for_each_row(copy, "PRAGMA integrity_check(1000)", findings, [&](const Statement& row) {
    std::string text(row.bytes(0));
    std::replace(text.begin(), text.end(), '\n', ' ');
    if (text != "ok") findings.add("the database's pages are damaged: " + text);
  });
}

Result<void> check_rows(Database& copy, Findings& findings) {
  PROMISED_TRY(for_each_row(copy, kJobs, findings, [&](const Statement& row) { check_job(row, findings); }));
  PROMISED_TRY(
      for_each_row(copy, kCheckedNames, findings, [&](const Statement& row) { check_name(row, findings); }));
  PROMISED_TRY(
      for_each_row(copy, kSteered, findings, [&](const Statement& row) { check_steered(row, findings); }));
  PROMISED_TRY(for_each_row(copy, kStrayParts, findings,
                            [&](const Statement& row) { check_stray_part(row, findings); }));
  PROMISED_TRY(for_each_row(copy, kStrayLinks, findings,
                            [&](const Statement& row) { check_stray_link(row, findings); }));
  return for_each_row(copy, kStrayStreams, findings,
                      [&](const Statement& row) { check_stray_stream(row, findings); });
}

}  // namespace promised
