// SPDX-License-Identifier: Apache-2.0
// The shape of the database, as the steps that lead to it. Change rule: a migration that was released never
// changes; a new shape is a new migration at the end, numbered one higher. The database's user_version is the
// number of the last one it has seen; a fresh one sees them all.
#pragma once

#include <span>

#include "common/result.hpp"
#include "daemon/store/sqlite.hpp"
#include "daemon/store/state_directory.hpp"

namespace promised {

struct Migration {
  int version;
  const char* sql;
};

/// All of them, in order.
[[nodiscard]] std::span<const Migration> migrations();

/// Whose file it is: SQLite's application_id of every promised database.
inline constexpr int kApplicationId = 0x70726d73;  // "prms"

/// Bytes of a page of every promised database.
inline constexpr int kPageSize = 4096;

/// Makes a new, empty database at `path`, which must not exist. Either it is whole and on disk, or there is
/// none.
[[nodiscard]] Result<void> create_database(const StateDirectory& directory, const std::string& path,
                                           std::span<const Migration> steps);

/// Problem "corrupt" if the database is not one of ours, "newer" if its version is higher than that of the
/// last step.
[[nodiscard]] Result<void> check_version(Database& database, std::span<const Migration> steps);

/// Brings an older database to the version of the last step. Before that a whole copy of it is put beside it,
/// as `path`.v<its version> (SEMANTICS E5). Each step is a transaction of its own.
[[nodiscard]] Result<void> migrate(Database& database, const StateDirectory& directory,
                                   std::span<const Migration> steps);

}  // namespace promised
