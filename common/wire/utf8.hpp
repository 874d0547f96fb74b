// SPDX-License-Identifier: Apache-2.0
// Text from outside: is it UTF-8, and if not, the nearest text that is.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace promised::wire {

/// Where the first byte stands that is no UTF-8 (RFC 3629: no surrogates, nothing overlong, nothing above
/// U+10FFFF).
[[nodiscard]] std::optional<std::size_t> first_not_utf8(std::string_view text);

/// `text` with U+FFFD for every byte that is no UTF-8, so that people and JSON can read it.
[[nodiscard]] std::string mended_utf8(std::string_view text);

/// The first `most` bytes of `text`, or fewer, so that no character is cut in two.
[[nodiscard]] std::string_view cut_utf8(std::string_view text, std::size_t most);

/// The last `most` bytes of `text`, or fewer, likewise.
[[nodiscard]] std::string_view end_of_utf8(std::string_view text, std::size_t most);

}  // namespace promised::wire
