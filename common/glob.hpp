// SPDX-License-Identifier: Apache-2.0
// Globs over names: `*` stands for any text, `?` for one character. There is nothing else, and no pattern
// takes longer than its length times the text's.
#pragma once

#include <string_view>

namespace promised {

/// Whether `pattern` stands for the whole of `text` (both UTF-8).
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace promised
