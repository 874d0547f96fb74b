// SPDX-License-Identifier: Apache-2.0
// Text from others, made fit to be shown: on a terminal it cannot move the cursor, in a log it cannot fake a
// line.
#pragma once

#include <string>
#include <string_view>

namespace promised {

enum class Lines {
  one,  ///< line ends and tabs are escaped too
  many  ///< line ends and tabs are kept
};

/// `text` with control characters (C0, DEL, C1, line and paragraph separators, marks that turn the writing
/// direction) and bytes that are not UTF-8 written as \n, \t, \xNN or \u{NNNN}. A backslash stays as it is.
[[nodiscard]] std::string printable(std::string_view text, Lines lines = Lines::one);

/// `text` with every byte that is not UTF-8 replaced by U+FFFD.
[[nodiscard]] std::string valid_utf8(std::string_view text);

/// At most the first or the last `most` bytes of a text that is UTF-8; no character is cut in two.
[[nodiscard]] std::string_view beginning_of(std::string_view text, std::size_t most);
[[nodiscard]] std::string_view end_of(std::string_view text, std::size_t most);

/// How many columns a terminal needs for `text`, taking every code point for one.
[[nodiscard]] std::size_t columns(std::string_view text);

/// The first code point of `text`, and how many bytes it has; size 0 where the text does not begin with
/// UTF-8.
struct CodePoint {
  char32_t value = 0;
  std::size_t size = 0;
};
[[nodiscard]] CodePoint first_code_point(std::string_view text);

}  // namespace promised
