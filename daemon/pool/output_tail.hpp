// SPDX-License-Identifier: Apache-2.0
// The last of what a worker wrote to stdout and stderr: bytes, of which only the newest are kept, however
// many come.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace promised {

class OutputTail {
 public:
  static constexpr std::size_t kKept = std::size_t{8} << 10;

  void append(std::string_view bytes);
  void clear() { bytes_.clear(); }
  /// The last kKept bytes; afterwards this is empty.
  [[nodiscard]] std::string take();

 private:
  std::string bytes_;  ///< up to twice what is kept, so that old bytes are moved seldom
};

}  // namespace promised
