// SPDX-License-Identifier: Apache-2.0
// How rows are read back, and what is said of one that makes no sense.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "common/result.hpp"
#include "daemon/flow.hpp"
#include "daemon/store/sqlite.hpp"

namespace promised {

/// What read_job() reads, in its order.
inline constexpr std::string_view kJobColumns =
    "id, submitted, owner, state, started, attempts, interruptions, arguments_size, result_size, began, "
    "ended,"
    " function, options, failure, reason, arguments, client, number, told, crashes, due, command";

/// What a statement reads beside kJobColumns begins here.
inline constexpr int kAfterJobColumns =
    1 + static_cast<int>(std::count(kJobColumns.begin(), kJobColumns.end(), ','));

/// Everything in a row of kJobColumns but large arguments.
[[nodiscard]] Result<RecoveredJob> read_job(const Statement& row);
[[nodiscard]] Result<JobId> read_id(std::string_view bytes);
[[nodiscard]] Result<State> read_state(std::int64_t number, std::initializer_list<State> expected,
                                       const std::string& of);
[[nodiscard]] WallTime wall(std::int64_t micros);
/// Of columns name, said, configured.
[[nodiscard]] Result<SteeredQueue> read_steered_queue(const Statement& row);

/// Problem "corrupt".
[[nodiscard]] Problem damaged(const std::string& what);

}  // namespace promised
