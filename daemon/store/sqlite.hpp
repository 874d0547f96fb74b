// SPDX-License-Identifier: Apache-2.0
// As much of SQLite as the store needs: a connection and a prepared statement that close themselves, and its
// errors as Problems. The library's own header stays in sqlite.cpp and database_copy.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/result.hpp"
#include "daemon/store/disk_problem.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace promised {

/// A prepared statement. Parameters count from 1, columns from 0, as in SQLite.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  /// Binding keeps a pointer: text and blobs must live until the statement has run. What cannot be bound (too
  /// large) is reported by the next step() or run().
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind_text(int parameter, std::string_view text);
  Statement& bind_blob(int parameter, std::string_view bytes);
  Statement& bind_null(int parameter);

  /// True: there is a row. False: there are no more, and the statement is ready to run again.
  [[nodiscard]] Result<bool> step();
  /// Steps to the end and makes the statement ready to run again.
  [[nodiscard]] Result<void> run();
  void reset();

  /// Of the current row. The views live until the next step() or reset().
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string_view bytes(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  void note(int code);

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bind_error_ = 0;
};

/// A connection to one database file, for one thread at a time.
class Database {
 public:
  /// The file must exist. Nobody else may use it while this is open (locking_mode=EXCLUSIVE).
  [[nodiscard]] static Result<Database> open(const std::string& path);
  /// A file that nobody changes, to read it: no lock and no other file is needed.
  [[nodiscard]] static Result<Database> open_unchanging(const std::string& path);

  /// Runs statements that return nothing of interest.
  [[nodiscard]] Result<void> execute(const std::string& sql);
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);
  /// The first column of the only row, such as a pragma's value.
  [[nodiscard]] Result<std::int64_t> integer(std::string_view sql);
  [[nodiscard]] Result<std::string> text(std::string_view sql);

  /// Rows that the last statement has written.
  [[nodiscard]] std::int64_t changed() const;

  /// Pages in the write-ahead log after the last commit; 0 once a checkpoint has copied them. SQLite's own
  /// automatic checkpoint is off, since it does not tell its errors.
  [[nodiscard]] int log_pages() const { return *log_pages_; }
  enum class Log { keep, truncate };
  /// Copies the log into the database, and cuts its file to nothing if that is asked.
  [[nodiscard]] Result<void> checkpoint(Log log);

  /// Ends the transaction that is open, if there is one: nothing of it has happened.
  [[nodiscard]] Result<void> roll_back();

  /// Closes without a last checkpoint: for when the disk is not to be trusted any more. Ends an open
  /// transaction.
  void abandon();

  /// What runs fails soon, and so does what begins before it has ended. From any thread, while this lives.
  void interrupt();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  friend class DatabaseCopy;
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  Database(sqlite3* connection, std::string path);

  std::unique_ptr<int> log_pages_;  ///< in a place that stays, for SQLite's hook
  std::unique_ptr<sqlite3, Close> connection_;
  std::string path_;
};

/// Makes everything between its construction and commit() one; without commit() it never happened.
class Transaction {
 public:
  [[nodiscard]] static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  [[nodiscard]] Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace promised
