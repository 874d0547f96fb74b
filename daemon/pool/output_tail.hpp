// SPDX-License-Identifier: Apache-2.0
// The last of what a worker wrote to stdout and stderr: bytes, numbered from the worker's start, of which
// only the newest are kept, however many come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace promised {

class OutputTail {
 public:
  /// What last_until() returns at most.
  static constexpr std::size_t kKept = std::size_t{8} << 10;

  void append(std::string_view bytes);
  /// How many bytes have come in all.
  [[nodiscard]] std::uint64_t total() const { return total_; }

  /// The last kKept bytes before number `end`.
  [[nodiscard]] std::string last_until(std::uint64_t end) const;
  /// Those before number `end` belong to nobody any more.
  void drop_until(std::uint64_t end);

 private:
  // As much as may have come after `end` before that is known: what a pipe holds, twice.
  static constexpr std::size_t kWindow = kKept + (std::size_t{128} << 10);

  [[nodiscard]] std::size_t count_until(std::uint64_t end) const;

  std::string bytes_;  ///< up to twice the window, so that old bytes are moved seldom
  std::uint64_t total_ = 0;
};

}  // namespace promised
