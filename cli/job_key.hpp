// SPDX-License-Identifier: Apache-2.0
// Which job somebody means: an id, the beginning of one id, a name, or `last` (SEMANTICS M5).
#pragma once

#include <promised/client.hpp>

#include <string>
#include <string_view>

namespace promised::cli {

/// 4 to 35 characters of a job id's text from its beginning on.
[[nodiscard]] bool may_be_id_prefix(std::string_view text);

/// `name`, for a new name. Throws UsageError, in which `what` says what was given, for one that nobody could
/// find the job by: `last`, a job's whole id, or nothing. The beginning of an id may be a name, which then
/// wins.
[[nodiscard]] const std::string& usable_name(const std::string& name, const std::string& what);

/// Asks the daemon where it must: for `last`, and for what could be a prefix and is no name. Throws what the
/// client throws; text that fits nothing is taken for a name, so that the answer to it is about the name.
[[nodiscard]] JobKey find_job(Client& client, const std::string& text, std::chrono::milliseconds timeout);

/// The job itself.
[[nodiscard]] JobView show_job(Client& client, const std::string& text, std::chrono::milliseconds timeout);

}  // namespace promised::cli
