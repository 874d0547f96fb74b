// SPDX-License-Identifier: Apache-2.0
#include "common/wire/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace promised::wire {
namespace {

std::uint8_t at(std::string_view text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

bool continues(std::string_view text, std::size_t i) {
  return i < text.size() && (at(text, i) & 0xc0) == 0x80;
}

// The length of the character that begins at `i`; 0 if none does.
std::size_t character(std::string_view text, std::size_t i) {
  const std::uint8_t first = at(text, i);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || !continues(text, i + 1)) return 0;
  if (first < 0xe0) return 2;
  const std::uint8_t second = at(text, i + 1);
  if (!continues(text, i + 2)) return 0;
  if (first < 0xf0) {
    const bool overlong = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  const bool overlong = first == 0xf0 && second < 0x90;
  const bool too_high = first == 0xf4 && second >= 0x90;
  return overlong || too_high || !continues(text, i + 3) ? 0 : 4;
}

}  // namespace

std::optional<std::size_t> first_not_utf8(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  std::size_t i = 0;
  while (i < text.size()) {
    std::uint64_t eight = 0;
    if (text.size() - i >= sizeof eight) {
      std::memcpy(&eight, text.data() + i, sizeof eight);
      if ((eight & kHighBits) == 0) {
        i += sizeof eight;
        continue;
      }
    }
    const std::size_t length = character(text, i);
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

std::string mended_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (const auto bad = first_not_utf8(text)) {
    out.append(text.substr(0, *bad)).append("\xef\xbf\xbd");
    text.remove_prefix(*bad + 1);
  }
  return out.append(text);
}

std::string_view cut_utf8(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most;
  while (end > 0 && most - end < 4 && continues(text, end)) --end;
  return text.substr(0, end);
}

std::string_view end_of_utf8(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  const std::size_t first = text.size() - most;
  std::size_t begin = first;
  while (begin - first < 3 && continues(text, begin)) ++begin;
  return text.substr(begin);
}

}  // namespace promised::wire
