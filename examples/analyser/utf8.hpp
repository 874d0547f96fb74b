// SPDX-License-Identifier: Apache-2.0
// Old documents are often Latin-1; what leaves the analyser is always UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace analyser {

[[nodiscard]] bool is_utf8(std::string_view text);
[[nodiscard]] std::string utf8_from_latin1(std::string_view text);
/// The first `most` bytes of UTF-8, or a few fewer, so that no character is cut in two.
[[nodiscard]] std::string_view utf8_prefix(std::string_view text, std::size_t most);

}  // namespace analyser
