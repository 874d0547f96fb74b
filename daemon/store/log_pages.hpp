// SPDX-License-Identifier: Apache-2.0
// What SQLite's log holds, read without SQLite: which pages a database that was not closed well may lack,
// because the log has them. SQLite takes zeros for a page that neither has.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "common/result.hpp"

namespace promised {

struct LogPages {
  std::uint32_t database_pages = 0;  ///< as of the last commit in the log; 0: the log has none
  std::set<std::uint32_t> pages;     ///< that are in it, up to that commit; counted from 1
};

/// Reads the log as SQLite does at a start: up to the last commit before the first frame that is not whole.
[[nodiscard]] Result<LogPages> read_log_pages(const std::string& path);

}  // namespace promised
