// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/sqlite.hpp"

#include <sqlite3.h>

#include "daemon/store/disk_problem.hpp"

namespace promised {
namespace {

/// SQLite tells a full disk by a code of its own, but not a quota that is used up.
bool is_disk_full(int code, int error) {
  return (code & 0xff) == SQLITE_FULL || (code == SQLITE_IOERR_WRITE && no_space_left(error));
}

/// What to do about it.
std::string_view advice_on(int code, int error) {
  if (is_disk_full(code, error)) return kFullAdvice;
  if ((code & 0xff) == SQLITE_IOERR) return kDiskAdvice;
  return {};
}

/// What SQLite says of the last call, and the system's word on it where there is one.
Problem problem_of(sqlite3* connection, std::string_view doing) {
  const int left = errno;
  const int code = sqlite3_extended_errcode(connection);
  const int primary = code & 0xff;
  // Of a commit that could not write SQLite does not keep it, but has called nothing since that fails.
  const int error = code == SQLITE_IOERR_WRITE ? left : sqlite3_system_errno(connection);
  const bool corrupt = primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
  const char* path = sqlite3_db_filename(connection, "main");
  std::string text = "cannot " + std::string(doing) + " " + (path == nullptr ? "the database" : path) + ": " +
                     sqlite3_errmsg(connection) + " (SQLite code " + std::to_string(code);
  if (error != 0 && !corrupt) text += std::string(", ") + std::strerror(error);
  text.append(")").append(advice_on(code, error));
  if (is_disk_full(code, error)) return Problem::of(std::string(kDiskFull), std::move(text));
  return Problem::of(corrupt ? "corrupt" : "system", std::move(text));
}

Problem problem_of(sqlite3_stmt* statement) {
  const std::string_view doing = sqlite3_column_count(statement) > 0 ? "read" : "write to";
  return problem_of(sqlite3_db_handle(statement), doing);
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);  // returns the error of the last step, which step() has told
}

void Statement::note(int code) {
  if (code != SQLITE_OK && bind_error_ == SQLITE_OK) bind_error_ = code;
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  note(sqlite3_bind_int64(statement_.get(), parameter, value));
  return *this;
}

Statement& Statement::bind_text(int parameter, std::string_view text) {
  const char* data = text.empty() ? "" : text.data();  // a null pointer would bind NULL
  note(sqlite3_bind_text64(statement_.get(), parameter, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_blob(int parameter, std::string_view bytes) {
  const char* data = bytes.empty() ? "" : bytes.data();
  note(sqlite3_bind_blob64(statement_.get(), parameter, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

Statement& Statement::bind_null(int parameter) {
  note(sqlite3_bind_null(statement_.get(), parameter));
  return *this;
}

Result<bool> Statement::step() {
  if (bind_error_ != SQLITE_OK) {
    return Problem::of("system", std::string("cannot hand a value to the database: ") +
                                     sqlite3_errstr(std::exchange(bind_error_, SQLITE_OK)));
  }
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  Problem problem = problem_of(statement_.get());
  reset();
  return problem;
}

Result<void> Statement::run() {
  for (;;) {
    PROMISED_ASSIGN(const bool more, step());
    if (!more) return {};
  }
}

void Statement::reset() {
  sqlite3_reset(statement_.get());  // returns the error of the last step, which step() has told
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

void Database::Close::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);  // with all statements finalized it cannot fail
}

Database::Database(sqlite3* connection, std::string path)
    : log_pages_(std::make_unique<int>(0)), connection_(connection), path_(std::move(path)) {
  const auto hook = [](void* pages, sqlite3*, const char*, int count) {
    *static_cast<int*>(pages) = count;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(connection, hook, log_pages_.get());  // in place of the automatic checkpoint
}

Result<void> Database::checkpoint(Log log) {
  const int mode = log == Log::truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  if (sqlite3_wal_checkpoint_v2(connection_.get(), "main", mode, nullptr, nullptr) != SQLITE_OK) {
    return problem_of(connection_.get(), "copy the log into");
  }
  *log_pages_ = 0;
  return {};
}

Result<Database> Database::open(const std::string& path) {
  sqlite3* connection = nullptr;
  // No mutexes: one thread at a time uses it. No following of symbolic links: the file must be the daemon's
  // own.
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
  if (connection == nullptr) return Problem::of("system", "cannot open " + path + ": out of memory");
  Database database(connection, path);
  if (code != SQLITE_OK) return problem_of(connection, "open");
  // Nobody else may write, or hold a snapshot that keeps the log from being cut; and the log's index needs no
  // shared memory then.
  PROMISED_TRY(database.execute("PRAGMA locking_mode=EXCLUSIVE"));
  // What a tampered schema could do: nothing beyond being read.
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return database;
}

Result<Database> Database::open_unchanging(const std::string& path) {
  // As a URI, for there is no flag that says it.
  std::string uri = "file:";
  for (const char c : path) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = c == '/' || c == '.' || c == '-' || c == '_' || (c >= '0' && c <= '9') ||
                       (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    plain ? uri += c : ((uri += '%') += kDigits[byte >> 4]) += kDigits[byte & 15];
  }
  uri += "?immutable=1";
  sqlite3* connection = nullptr;
  const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
                    SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(uri.c_str(), &connection, flags, nullptr);
  if (connection == nullptr) return Problem::of("system", "cannot open " + path + ": out of memory");
  Database database(connection, path);
  if (code != SQLITE_OK) return problem_of(connection, "open");
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return database;
}

Result<void> Database::execute(const std::string& sql) {
  if (sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return problem_of(connection_.get(), "use");
  }
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return problem_of(connection_.get(), "use");
  return Statement(statement);
}

Result<std::int64_t> Database::integer(std::string_view sql) {
  PROMISED_ASSIGN(Statement statement, prepare(sql));
  PROMISED_ASSIGN(const bool found, statement.step());
  return found ? statement.integer(0) : 0;
}

Result<std::string> Database::text(std::string_view sql) {
  PROMISED_ASSIGN(Statement statement, prepare(sql));
  PROMISED_ASSIGN(const bool found, statement.step());
  return found ? std::string(statement.bytes(0)) : std::string();
}

std::int64_t Database::changed() const {
  return sqlite3_changes64(connection_.get());
}

Result<void> Database::roll_back() {
  if (sqlite3_get_autocommit(connection_.get()) != 0) return {};
  return execute("ROLLBACK");
}

void Database::abandon() {
  sqlite3_db_config(connection_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // It may fail like the write that led here; closing has the same effect.
  static_cast<void>(roll_back());
}

void Database::interrupt() {
  sqlite3_interrupt(connection_.get());
}

Result<Transaction> Transaction::begin(Database& database) {
  PROMISED_TRY(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  // Whoever leaves without commit() has a Problem to tell already; an error here would be the same one.
  if (database_ != nullptr) static_cast<void>(database_->execute("ROLLBACK"));
}

Result<void> Transaction::commit() {
  PROMISED_TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace promised
