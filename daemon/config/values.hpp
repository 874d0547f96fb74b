// SPDX-License-Identifier: Apache-2.0
// From a value's text to what it means. A Problem says what was expected and what was found; where that was
// is for the caller to add.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"

namespace promised::config {

/// A Problem with "expected `what`, found 'text'".
[[nodiscard]] Problem expected(std::string_view what, std::string_view text);

/// `yes`, `true`, `on`, `1` or `no`, `false`, `off`, `0`.
[[nodiscard]] Result<bool> parse_bool(std::string_view text);
/// Permission bits in octal, such as 0660.
[[nodiscard]] Result<mode_t> parse_mode(std::string_view text);
/// A path that begins with a slash.
[[nodiscard]] Result<std::string> parse_path(std::string_view text);
/// ipc:// and an absolute path that fits into a socket address.
[[nodiscard]] Result<std::string> parse_endpoint(std::string_view text);
/// One of the levels that log.hpp knows.
[[nodiscard]] Result<std::string> parse_log_level(std::string_view text);
/// Words with commas or spaces between.
[[nodiscard]] std::vector<std::string> parse_list(std::string_view text);
/// Words as a shell splits them: spaces between, '…' and "…" and a backslash keep them together. Nothing is
/// expanded.
[[nodiscard]] Result<std::vector<std::string>> split_words(std::string_view text);
/// The name of a pool: 1 to 64 letters, digits, `-`, `_` and `.`, a letter or digit first.
[[nodiscard]] Result<std::string> parse_pool_name(std::string_view text);
/// The name of an environment variable.
[[nodiscard]] Result<std::string> parse_variable_name(std::string_view text);

}  // namespace promised::config
