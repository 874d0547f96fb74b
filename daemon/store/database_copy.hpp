// SPDX-License-Identifier: Apache-2.0
// A copy of a database that is in use, made by its own connection in small steps: SQLite's online backup.
// What that connection changes between two steps, SQLite writes into the copy too, so that the copy is the
// database as it is at the last step. What goes wrong with the copy does no harm to the database.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/result.hpp"
#include "daemon/store/sqlite.hpp"

struct sqlite3_backup;

namespace promised {

class DatabaseCopy {
 public:
  /// `path` is an empty file that nobody else uses. Nothing is synced: that is left to the caller. `from`
  /// must outlive this, and both are for the same thread. From here on `from` reads its pages anew, so that
  /// the copy gets what is on disk, and not what is remembered of it.
  [[nodiscard]] static Result<DatabaseCopy> begin(Database& from, const std::string& path);

  /// Copies so many pages more; true if there are more. After false the file is whole and closed; after a
  /// Problem it is of no use.
  [[nodiscard]] Result<bool> step(int pages);

  /// In pages, as of the last step.
  [[nodiscard]] std::uint64_t pages() const { return pages_; }
  [[nodiscard]] std::uint64_t copied() const { return copied_; }

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  struct Finish {
    void operator()(sqlite3_backup* backup) const;
  };
  DatabaseCopy(std::unique_ptr<sqlite3, Close> to, std::string path)
      : to_(std::move(to)), path_(std::move(path)) {}
  [[nodiscard]] Problem problem(int code) const;

  // In this order: the backup goes before its connection.
  std::unique_ptr<sqlite3, Close> to_;
  std::unique_ptr<sqlite3_backup, Finish> backup_;
  std::string path_;
  std::uint64_t pages_ = 0;
  std::uint64_t copied_ = 0;
};

}  // namespace promised
