// SPDX-License-Identifier: Apache-2.0
// The daemon's log, on stderr: one line a message, with `<N>` priorities when systemd's journal reads it,
// with time stamps otherwise. Messages may hold text from others; what is unprintable in it is escaped. Any
// thread may log.
#pragma once

#include <string>
#include <string_view>

#include "common/result.hpp"

namespace promised::log {

enum class Level { debug, info, warning, error };
enum class Style {
  plain,   ///< 2026-01-31 12:00:00.000 warning: message
  journal  ///< <4>message
};

/// Until it is called the level is info and the style plain. Problem "value": no such level.
[[nodiscard]] Result<void> start(const std::string& level, Style style);
/// journal if $JOURNAL_STREAM names the file that stderr is, as systemd documents it.
[[nodiscard]] Style style_of_stderr();

void debug(std::string_view message);
void info(std::string_view message);
void warning(std::string_view message);
void error(std::string_view message);
/// A warning of the problem, where there is one: for what goes on without.
void warn_of(const Result<void>& done);

/// Whether a message of this level would be written: for messages that cost something to make.
[[nodiscard]] bool enabled(Level level);

}  // namespace promised::log
