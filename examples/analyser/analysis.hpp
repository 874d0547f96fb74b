// SPDX-License-Identifier: Apache-2.0
// What the application asks of the analyser and what it gets: all that the two programs share.
#pragma once

#include <promised/convert.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace analyser {

/// The function of the worker program: (path, wishes) -> Analysis. The wishes may be absent.
inline constexpr char kAnalyse[] = "document.analyse";

struct Wishes {
  std::uint32_t most_words = 10;      ///< how many of the most frequent words
  std::uint32_t extract_bytes = 200;  ///< length of the extract
  bool obey_troublemakers =
      false;  ///< do what a document that begins with "%trouble " asks for: see trouble.hpp
};
PROMISED_STRUCT(Wishes, most_words, extract_bytes, obey_troublemakers)

struct Analysis {
  std::string path;
  bool compressed = false;
  std::uint64_t bytes = 0;  ///< uncompressed
  std::uint64_t lines = 0;
  std::uint64_t words = 0;
  std::vector<std::pair<std::string, std::uint64_t>> frequent;  ///< words and how often, most frequent first
  std::string checksum;                                         ///< CRC-32 of the uncompressed bytes, in hex
  std::string extract;                                          ///< how it begins
  std::uint64_t microseconds = 0;                               ///< that it took
};
PROMISED_STRUCT(Analysis, path, compressed, bytes, lines, words, frequent, checksum, extract, microseconds)

}  // namespace analyser
