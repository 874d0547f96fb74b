// SPDX-License-Identifier: Apache-2.0
#include "examples/analyser/utf8.hpp"

#include <algorithm>

namespace analyser {
namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// The length that a character's first byte announces; 0 for what cannot begin one.
std::size_t length_of(char first) {
  const auto c = static_cast<unsigned char>(first);
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c < 0xe0) return 2;
  if (c >= 0xe0 && c < 0xf0) return 3;
  if (c >= 0xf0 && c < 0xf5) return 4;
  return 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = length_of(text[at]);
    if (length == 0 || length > text.size() - at) return false;
    const std::string_view rest = text.substr(at + 1, length - 1);
    if (!std::all_of(rest.begin(), rest.end(), is_continuation)) return false;
    at += length;
  }
  return true;
}

std::string utf8_from_latin1(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const char latin1 : text) {
    const auto c = static_cast<unsigned char>(latin1);
    if (c < 0x80) {
      out.push_back(latin1);
    } else {
      out.push_back(static_cast<char>(0xc0 | c >> 6));
      out.push_back(static_cast<char>(0x80 | (c & 0x3f)));
    }
  }
  return out;
}

std::string_view utf8_prefix(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && is_continuation(text[most])) --most;
  return text.substr(0, most);
}

}  // namespace analyser
