// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/database_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <vector>

#include "daemon/store/log_pages.hpp"

namespace promised {
namespace {

/// Up to here reading every page after an unclean shutdown costs less than a start may.
constexpr off_t kMostToCheck = off_t{64} << 20;

constexpr const char* kPragmas =
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=FULL;"             // every commit is synced
    "PRAGMA journal_size_limit=33554432;"  // what one huge batch made of the log goes back
    "PRAGMA cache_size=-16384;"            // KiB
    "PRAGMA temp_store=MEMORY;"
    "PRAGMA secure_delete=FAST;"  // Debian's default, on, writes each freed page once more
    "PRAGMA cell_size_check=ON;";

struct FileState {
  bool exists = false;
  off_t size = 0;
};

/// Refuses what is not the daemon's own plain file.
Result<FileState> look_at(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return FileState{};
    return Problem::system("cannot look at " + path);
  }
  if (!S_ISREG(found.st_mode)) return Problem::of("corrupt", path + " is not a plain file");
  if (found.st_uid != ::geteuid()) {
    return Problem::of("system", path + " belongs to uid " + std::to_string(found.st_uid) +
                                     ", expected uid " + std::to_string(::geteuid()) +
                                     ", as which this daemon runs; give it that owner");
  }
  if ((found.st_mode & 077) != 0 && ::chmod(path.c_str(), 0600) != 0) {
    return Problem::system("cannot make " + path + " private (mode 0600)");
  }
  return FileState{true, found.st_size};
}

/// Writes the file's own bytes over themselves and syncs. After a failed sync the kernel may hold pages that
/// are not on disk and that it believes clean: the log as SQLite reads it could then be longer than what a
/// power cut would leave, and what is added behind such a page would be lost with it. After this, what can be
/// read is on disk.
Result<void> settle(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return Problem::system("cannot open " + path);
  std::vector<char> buffer(std::size_t{1} << 20);
  off_t at = 0;
  for (;;) {
    const ssize_t size = ::pread(file.get(), buffer.data(), buffer.size(), at);
    if (size < 0) return Problem::system("cannot read " + path);
    if (size == 0) break;
    if (::pwrite(file.get(), buffer.data(), static_cast<std::size_t>(size), at) != size) {
      return Problem::system("cannot write " + path);
    }
    at += size;
  }
  if (::fsync(file.get()) != 0) return Problem::system("cannot sync " + path);
  return {};
}

/// SQLite never writes the page of its locks.
constexpr std::uint32_t kLockPage = (std::uint32_t{1} << 30) / kPageSize + 1;

Problem cut_off(const std::string& path, off_t size, const std::string& expected) {
  return Problem::of(
      "corrupt", path + " was cut off: its size is " + std::to_string(size) + " bytes, expected " + expected);
}

/// What a kill leaves may be shorter than the database is, or end within a page, but then the log has what is
/// missing. SQLite itself would take zeros for it.
Result<void> check_length(const std::string& path, off_t size, const std::string& log_path) {
  PROMISED_ASSIGN(const LogPages log, read_log_pages(log_path));
  const auto whole = static_cast<std::uint32_t>(size / kPageSize);
  if (log.database_pages == 0 && size % kPageSize != 0) {
    return cut_off(path, size, "a multiple of " + std::to_string(kPageSize));
  }
  for (std::uint32_t page = whole + 1; page <= log.database_pages; ++page) {
    if (page == kLockPage || log.pages.contains(page)) continue;
    return cut_off(
        path, size,
        "at least " + std::to_string(std::int64_t{page} * kPageSize) + " beside the log that it has");
  }
  return {};
}

Result<void> check_pages(Database& database) {
  PROMISED_ASSIGN(const std::string found, database.text("PRAGMA quick_check(1)"));
  if (found != "ok") return Problem::of("corrupt", database.path() + " is damaged: " + found);
  return {};
}

Result<void> prepare(Database& database, const StateDirectory& directory, std::span<const Migration> steps,
                     bool check_all) {
  PROMISED_TRY(check_version(database, steps));
  PROMISED_TRY(database.execute(kPragmas));
  PROMISED_ASSIGN(const std::string mode, database.text("PRAGMA journal_mode"));
  if (mode != "wal") {
    return Problem::of(
        "system", "cannot keep a write-ahead log for " + database.path() + ": SQLite stays in mode " + mode);
  }
  if (check_all) PROMISED_TRY(check_pages(database));
  return migrate(database, directory, steps);
}

/// What is refused is left as it is: closing it would copy the log into it, and the next start might not see
/// any more what this one has seen.
Result<Database> open_existing(const StateDirectory& directory, const std::string& path,
                               std::span<const Migration> steps, bool check_all) {
  PROMISED_ASSIGN(Database database, Database::open(path));
  if (auto prepared = prepare(database, directory, steps, check_all); !prepared) {
    database.abandon();
    return prepared.problem();
  }
  return database;
}

}  // namespace

Result<Database> open_database_file(const StateDirectory& directory, std::span<const Migration> steps) {
  const std::string path = directory.path() + "/promised.db";
  const std::string log_path = path + "-wal";
  PROMISED_ASSIGN(const FileState file, look_at(path));
  PROMISED_ASSIGN(const FileState log, look_at(log_path));
  if (!file.exists) {
    if (log.exists) {
      return with_advice(Problem::of("corrupt", path + " is missing, but its log " + log_path + " is there"),
                         path);
    }
    PROMISED_TRY(create_database(directory, path, steps));
  } else if (file.size == 0) {
    // Databases get their name when they are whole, so this was one.
    return with_advice(Problem::of("corrupt", path + " is empty"), path);
  }
  // A clean shutdown leaves no log.
  const bool unclean = log.exists && log.size > 0;
  if (!unclean && file.size % kPageSize != 0) {
    return with_advice(cut_off(path, file.size, "a multiple of " + std::to_string(kPageSize)), path);
  }
  if (unclean) {
    PROMISED_TRY(settle(log_path));
    if (auto whole = check_length(path, file.size, log_path); !whole)
      return with_advice(whole.problem(), path);
  }
  auto database = open_existing(directory, path, steps, unclean && file.size <= kMostToCheck);
  if (!database) return with_advice(database.problem(), path);
  return database;
}

Problem with_advice(Problem problem, const std::string& database_path) {
  if (problem.code == "corrupt") {
    problem.message += "; put a copy of it back, or move " + database_path +
                       "* away to start with nothing (`sqlite3 " + database_path +
                       " .recover` may get jobs and names out of what is left)";
  }
  return problem;
}

}  // namespace promised
