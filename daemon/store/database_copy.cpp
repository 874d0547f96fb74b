// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/database_copy.hpp"

#include <sqlite3.h>

#include <cstring>
#include <utility>

namespace promised {
namespace {

/// The copy is made anew if anything goes wrong, so it needs no journal; and it is synced as a file. With a
/// small cache its last step has little left to write.
constexpr const char* kCopyPragmas =
    "PRAGMA journal_mode=OFF;"
    "PRAGMA synchronous=OFF;"
    "PRAGMA locking_mode=EXCLUSIVE;"
    "PRAGMA cache_size=-1024;";

}  // namespace

void DatabaseCopy::Close::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);  // with its backup finished it cannot fail
}

void DatabaseCopy::Finish::operator()(sqlite3_backup* backup) const {
  sqlite3_backup_finish(backup);  // returns the error of the last step, which step() has told
}

Problem DatabaseCopy::problem(int code) const {
  std::string text = "cannot write the copy " + path_ + ": " + sqlite3_errstr(code) + " (SQLite code " +
                     std::to_string(code);
  if (const int error = sqlite3_system_errno(to_.get()); error != 0)
    text += std::string(", ") + std::strerror(error);
  return Problem::of("store", text + ")");
}

Result<DatabaseCopy> DatabaseCopy::begin(Database& from, const std::string& path) {
  sqlite3* connection = nullptr;
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
  int code = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
  if (connection == nullptr) return Problem::of("store", "cannot open " + path + ": out of memory");
  DatabaseCopy copy(std::unique_ptr<sqlite3, Close>(connection), path);
  if (code == SQLITE_OK) code = sqlite3_exec(connection, kCopyPragmas, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return copy.problem(code);
  sqlite3_db_release_memory(from.connection_.get());
  copy.backup_.reset(sqlite3_backup_init(connection, "main", from.connection_.get(), "main"));
  if (copy.backup_ == nullptr) return copy.problem(sqlite3_extended_errcode(connection));
  return copy;
}

Result<bool> DatabaseCopy::step(int pages) {
  const int code = sqlite3_backup_step(backup_.get(), pages);
  if (code != SQLITE_OK && code != SQLITE_DONE) return problem(code);
  pages_ = static_cast<std::uint64_t>(sqlite3_backup_pagecount(backup_.get()));
  copied_ = pages_ - static_cast<std::uint64_t>(sqlite3_backup_remaining(backup_.get()));
  if (code == SQLITE_OK) return true;
  backup_.reset();
  to_.reset();
  return false;
}

}  // namespace promised
