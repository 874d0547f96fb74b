// SPDX-License-Identifier: Apache-2.0
// What is done to the database's files before and after SQLite opens them, so that a start finds damage at
// once and not in the middle of the work.
#pragma once

#include <span>

#include "common/result.hpp"
#include "daemon/store/migrations.hpp"
#include "daemon/store/sqlite.hpp"
#include "daemon/store/state_directory.hpp"

namespace promised {

/// Opens promised.db in `directory`, making it if there is none, checks it as far as a fast start allows, and
/// brings it to the version of the last of `steps`. Problems: "corrupt", "newer", "system".
///
/// How far that is: the file's kind, owner, header, length and version always; every page of it where the
/// last shutdown was unclean and the file is small enough. The rest is found by replay, which reads every
/// row.
[[nodiscard]] Result<Database> open_database_file(const StateDirectory& directory,
                                                  std::span<const Migration> steps);

/// The Problem with what an administrator can do about it, if it is of the code "corrupt".
[[nodiscard]] Problem with_advice(Problem problem, const std::string& database_path);

}  // namespace promised
