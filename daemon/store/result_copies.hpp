// SPDX-License-Identifier: Apache-2.0
// Results that are files: results/<job id> in the state directory, each whole and on disk before the row that
// names it, never changed, and deleted only after that row.
#pragma once

#include <promised/types.hpp>

#include <string>

#include "common/result.hpp"
#include "daemon/store/findings.hpp"
#include "daemon/store/sqlite.hpp"

namespace promised {

/// Their directory in a state directory.
[[nodiscard]] std::string results_directory(const std::string& state_directory);
/// Bytes of all that is in it; none if it is not there.
[[nodiscard]] Result<std::uint64_t> size_of_results(const std::string& state_directory);

/// Brings the results that `copy` names from one state directory into another, which has none yet, and syncs
/// them: as hard links where that is possible (they never change), else as copies. One that is missing is
/// left out: check_results() tells of it.
[[nodiscard]] Result<void> copy_results(Database& copy, const std::string& from, const std::string& to,
                                        const Findings& findings);

/// Every result that `copy` names is a file in `state_directory`, and has its size.
[[nodiscard]] Result<void> check_results(Database& copy, const std::string& state_directory,
                                         Findings& findings);

}  // namespace promised
