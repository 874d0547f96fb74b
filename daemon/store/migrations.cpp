// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/migrations.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>

namespace promised {
namespace {

// job: columns that replay needs to sort come first, bulky ones last. It has no rowid: ids are nearly in
// order of time (UUIDv7), so inserts go to the right end of one tree. `state` has the numbers of
// promised::State, with `pending` for all that has not ended; times are microseconds since 1970, 0 for never.
// `options` and `failure` (of the last attempt) are wire::encode()'s. Arguments and results above kMostInline
// bytes are in `large` instead, so that a change of state never rewrites them, and rows stay within their
// page; still larger results are files (result_files.hpp). name: a name stands for `job` when `state` is 0;
// it is a tombstone until `until` when that is `lapsed` or `forgotten`. output: of an ended job; above
// kMostInline bytes it is in `large` too, and how many bytes it has is in `told`. grave: tombstones of ids,
// of jobs that are gone. part: what a job has streamed, once it has ended. client: who submitted it and is
// to have its outcome; or who has taken that, and is to have it again if it did not arrive. backlog: jobs
// that wait on disk until their turn comes near. They have their queue, quotas and priority in columns, in
// the order in which they are fetched; all other rows cost the index nothing. steered_queue, steered_quota:
// what administrators have said at run time, and over which configuration.
constexpr Migration kMigrations[] = {{1, R"sql(
CREATE TABLE job (
  id BLOB NOT NULL PRIMARY KEY,
  submitted INTEGER NOT NULL,
  owner INTEGER NOT NULL,
  state INTEGER NOT NULL,
  started INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  interruptions INTEGER NOT NULL,
  arguments_size INTEGER NOT NULL,
  result_size INTEGER NOT NULL,
  began INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  function TEXT NOT NULL,
  options BLOB NOT NULL,
  failure BLOB,
  reason TEXT,
  arguments BLOB,
  result BLOB
) WITHOUT ROWID, STRICT;
CREATE TABLE large (
  job BLOB NOT NULL,
  part INTEGER NOT NULL, -- 0: arguments, 1: result; since version 7 also 2: output
  content BLOB NOT NULL,
  PRIMARY KEY (job, part)
) WITHOUT ROWID, STRICT;
CREATE TABLE name (
  owner INTEGER NOT NULL,
  name TEXT NOT NULL,
  state INTEGER NOT NULL,
  job BLOB,
  lifespan INTEGER NOT NULL, -- milliseconds
  until INTEGER NOT NULL,
  PRIMARY KEY (owner, name)
) WITHOUT ROWID, STRICT;
)sql"},
                                     {2, R"sql(
ALTER TABLE job ADD COLUMN queue TEXT; -- of a job of the backlog only
ALTER TABLE job ADD COLUMN priority INTEGER;
ALTER TABLE job ADD COLUMN client INTEGER;
ALTER TABLE job ADD COLUMN number INTEGER;
CREATE INDEX backlog ON job (queue, function, priority, submitted, owner) WHERE queue IS NOT NULL;
)sql"},
                                     {3, R"sql(
ALTER TABLE job ADD COLUMN result_file INTEGER; -- 1: the result is a file of its own
CREATE INDEX result_file ON job (id) WHERE result_file IS NOT NULL;
ALTER TABLE job ADD COLUMN known INTEGER; -- 1: a job of the backlog that has a name or a timeout
CREATE INDEX known ON job (id) WHERE known IS NOT NULL;
)sql"},
                                     {4, R"sql(
ALTER TABLE job ADD COLUMN told BLOB; -- wire::encode()'s of message::Told
CREATE TABLE part (
  job BLOB NOT NULL,
  first INTEGER NOT NULL, -- the number of the first part in this row
  sizes BLOB NOT NULL,    -- of the parts in it: 32-bit little-endian numbers
  content BLOB NOT NULL,  -- one behind the other
  PRIMARY KEY (job, first)
) WITHOUT ROWID, STRICT;
)sql"},
                                     {5, R"sql(
CREATE TABLE grave (
  id BLOB NOT NULL PRIMARY KEY,
  owner INTEGER NOT NULL,
  guard INTEGER NOT NULL, -- 1: it keeps the job from running twice
  until INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
)sql"},
                                     {6, R"sql(
ALTER TABLE job ADD COLUMN crashes INTEGER; -- of the workers of a job that is tried again then
)sql"},
                                     {7, R"sql(
ALTER TABLE job ADD COLUMN output BLOB; -- what is kept of what it has printed
)sql"},
                                     {8, R"sql(
ALTER TABLE job ADD COLUMN quotas TEXT; -- of a job of the backlog that has some (decide/quotas.hpp)
DROP INDEX backlog;
CREATE INDEX backlog ON job (queue, function, quotas, priority, submitted, owner) WHERE queue IS NOT NULL;
)sql"},
                                     {9, R"sql(
ALTER TABLE job ADD COLUMN due INTEGER; -- when a job that has failed is tried again
)sql"},
                                     {10, R"sql(
CREATE TABLE steered_queue (
  name TEXT NOT NULL PRIMARY KEY,
  said BLOB NOT NULL, -- wire::encode()'s of QueueChange
  configured BLOB NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE steered_quota (
  name TEXT NOT NULL PRIMARY KEY,
  size INTEGER, -- NULL: it is removed
  configured INTEGER
) WITHOUT ROWID, STRICT;
)sql"},
                                     {11, R"sql(
ALTER TABLE job ADD COLUMN command TEXT; -- of a job that is a command on an outcome: which
)sql"},
                                     {12, R"sql(
CREATE TABLE link ( -- of jobs that hang together with others; the numbers are those of promised::Link
  job BLOB NOT NULL PRIMARY KEY,
  parent BLOB,
  follows INTEGER NOT NULL,
  place INTEGER NOT NULL,
  composite INTEGER NOT NULL,
  on_member_failure INTEGER NOT NULL,
  phase INTEGER NOT NULL,
  becomes BLOB
) WITHOUT ROWID, STRICT;
)sql"}};

int newest(std::span<const Migration> steps) {
  return steps.back().version;
}

/// An empty file that only its owner can read: SQLite would make it by the umask.
Result<void> make_private_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return Problem::system("cannot make " + path);
  if (::fchmod(file.get(), 0600) != 0) return Problem::system("cannot make private " + path);
  return {};
}

/// Makes what is in `from` durable and gives it its name.
Result<void> publish(const StateDirectory& directory, const std::string& from, const std::string& to) {
  const Fd file(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return Problem::system("cannot open " + from);
  if (::fsync(file.get()) != 0) return Problem::system("cannot sync " + from);
  if (std::rename(from.c_str(), to.c_str()) != 0)
    return Problem::system("cannot rename " + from + " to " + to);
  return directory.sync();
}

Result<void> take_step(Database& database, const Migration& step) {
  PROMISED_ASSIGN(Transaction transaction, Transaction::begin(database));
  PROMISED_TRY(database.execute(step.sql));
  PROMISED_TRY(database.execute("PRAGMA application_id=" + std::to_string(kApplicationId)));
  PROMISED_TRY(database.execute("PRAGMA user_version=" + std::to_string(step.version)));
  return transaction.commit();
}

Result<void> back_up(Database& database, const StateDirectory& directory, const std::string& path) {
  const std::string unfinished = path + ".new";
  PROMISED_TRY(make_private_file(unfinished));
  PROMISED_ASSIGN(Statement copy, database.prepare("VACUUM INTO ?1"));
  PROMISED_TRY(copy.bind_text(1, unfinished).run());
  return publish(directory, unfinished, path);
}

}  // namespace

std::span<const Migration> migrations() {
  return kMigrations;
}

Result<void> create_database(const StateDirectory& directory, const std::string& path,
                             std::span<const Migration> steps) {
  const std::string unfinished = path + ".new";
  // What an earlier try may have left. A log without its database would be replayed into the new one.
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    if (::unlink((unfinished + suffix).c_str()) != 0 && errno != ENOENT) {
      return Problem::system("cannot remove " + unfinished + suffix);
    }
  }
  PROMISED_TRY(make_private_file(unfinished));
  {
    PROMISED_ASSIGN(Database database, Database::open(unfinished));
    PROMISED_TRY(database.execute("PRAGMA page_size=" + std::to_string(kPageSize)));
    // Space goes back to the file system in small steps (Store::tidy): a VACUUM would stall for
    // seconds and need the space twice, and without either a file never shrinks after one bad day.
    PROMISED_TRY(database.execute("PRAGMA auto_vacuum=INCREMENTAL"));
    for (const Migration& step : steps) PROMISED_TRY(take_step(database, step));
    PROMISED_TRY(database.execute("PRAGMA journal_mode=WAL"));
  }
  return publish(directory, unfinished, path);
}

Result<void> check_version(Database& database, std::span<const Migration> steps) {
  PROMISED_ASSIGN(const std::int64_t application, database.integer("PRAGMA application_id"));
  PROMISED_ASSIGN(const std::int64_t version, database.integer("PRAGMA user_version"));
  if (application != kApplicationId || version < 1) {
    return Problem::of("corrupt", database.path() + " is not a database of promised (application id " +
                                      std::to_string(application) + ", version " + std::to_string(version) +
                                      ")");
  }
  if (version > newest(steps)) {
    return Problem::of("newer",
                       database.path() + " was written by a later promised: its version is " +
                           std::to_string(version) + ", this one knows versions up to " +
                           std::to_string(newest(steps)) +
                           "; start that later promised, or put back the copy that it made of the older "
                           "database before it changed it (" +
                           database.path() + ".v" + std::to_string(newest(steps)) + ", if it is there)");
  }
  return {};
}

Result<void> migrate(Database& database, const StateDirectory& directory, std::span<const Migration> steps) {
  PROMISED_ASSIGN(const std::int64_t version, database.integer("PRAGMA user_version"));
  if (version == newest(steps)) return {};
  PROMISED_TRY(back_up(database, directory, database.path() + ".v" + std::to_string(version)));
  for (const Migration& step : steps) {
    if (step.version > version) PROMISED_TRY(take_step(database, step));
  }
  return {};
}

}  // namespace promised
