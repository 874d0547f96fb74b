// SPDX-License-Identifier: Apache-2.0
// Whether a copy of the database makes sense: its pages to SQLite, and its rows to the daemon.
#pragma once

#include "common/result.hpp"
#include "daemon/store/findings.hpp"
#include "daemon/store/sqlite.hpp"

namespace promised {

/// Damage is counted in `findings`, with what was looked at: pages and indexes; that each row can be read,
/// with sizes that agree; that each name points to a job that is there, and so does what is large of a job.
/// A Problem says that it could not be looked at, or that it was stopped ("interrupted").
[[nodiscard]] Result<void> check_pages(Database& copy, Findings& findings);
[[nodiscard]] Result<void> check_rows(Database& copy, Findings& findings);

}  // namespace promised
