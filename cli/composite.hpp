// SPDX-License-Identifier: Apache-2.0
// Jobs that are made of others (SEMANTICS C4), as people write them down: a JSON document, whose form is in
// docs/promisectl.md.
#pragma once

#include <promised/calls.hpp>

#include <string>
#include <string_view>

namespace promised::cli {

/// The composite that `text` describes. Throws UsageError, which says what is wrong in `source` (what the
/// user calls the document) and where, as in "order.json, serial[1].options: …".
[[nodiscard]] promised::Call read_composite(std::string_view text, const std::string& source);

/// Throws UsageError, which names it, where `option` (as the command line calls it: "run-timeout") says
/// something of a call that cannot be said of a composite as a whole.
void check_option_of_whole(const std::string& option);

}  // namespace promised::cli
