// SPDX-License-Identifier: Apache-2.0
// A text document, read from a plain or a gzip-compressed file.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

namespace analyser {

/// The file is there and can be read, but is no text.
class NotText : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Document {
  std::string text;  ///< UTF-8
  bool compressed = false;
  std::uint64_t bytes = 0;     ///< uncompressed, as they are in the file
  std::uint32_t checksum = 0;  ///< CRC-32 of these
};

/// Calls `progress` now and then with the percentage read. Throws NotText, and std::runtime_error naming the
/// file and what is wrong: it is not there, no regular file, damaged, or larger than 64 MiB.
[[nodiscard]] Document read_document(const std::string& path, const std::function<void(double)>& progress);

}  // namespace analyser
