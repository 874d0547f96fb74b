// SPDX-License-Identifier: Apache-2.0
#include "examples/analyser/analyse.hpp"

#include <algorithm>
#include <cstdio>
#include <unordered_map>

#include "examples/analyser/utf8.hpp"

namespace analyser {
namespace {

constexpr std::size_t kShortestFrequent = 4;

// Whatever is not ASCII is taken for a letter: it nearly always is one.
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}

bool is_in_word(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '\'';
}

std::string lower(std::string_view word) {
  std::string out(word);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Calls `found` with every word.
template <class Found>
void each_word(std::string_view text, Found&& found) {
  for (std::size_t at = 0; at < text.size();) {
    if (!is_letter(text[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    while (at < text.size() && is_in_word(text[at])) ++at;
    found(text.substr(begin, at - begin));
  }
}

using Count = std::pair<std::string, std::uint64_t>;

std::vector<Count> most_frequent(const std::unordered_map<std::string, std::uint64_t>& counts,
                                 std::size_t most) {
  std::vector<Count> all(counts.begin(), counts.end());
  const auto more = [](const Count& a, const Count& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  };
  const std::size_t kept = std::min(most, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(), more);
  all.resize(kept);
  return all;
}

std::string hex(std::uint32_t n) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", n);
  return text;
}

}  // namespace

Analysis analyse(const Document& document, const Wishes& wishes) {
  const std::string_view text = document.text;
  Analysis analysis;
  analysis.compressed = document.compressed;
  analysis.bytes = document.bytes;
  analysis.lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  if (!text.empty() && text.back() != '\n') ++analysis.lines;
  std::unordered_map<std::string, std::uint64_t> counts;
  each_word(text, [&](std::string_view word) {
    ++analysis.words;
    if (word.size() >= kShortestFrequent) ++counts[lower(word)];
  });
  analysis.frequent = most_frequent(counts, wishes.most_words);
  analysis.checksum = hex(document.checksum);
  const std::size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  analysis.extract = utf8_prefix(text.substr(begin), wishes.extract_bytes);
  return analysis;
}

}  // namespace analyser
