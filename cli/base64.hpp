// SPDX-License-Identifier: Apache-2.0
// Base64 as in RFC 4648, section 4: with padding, without line ends.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace promised::cli {

[[nodiscard]] std::string base64(std::string_view bytes);

/// Nothing where the text is not the one canonical form of any bytes.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace promised::cli
