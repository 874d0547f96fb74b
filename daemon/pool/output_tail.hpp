// SPDX-License-Identifier: Apache-2.0
// The last of what a worker wrote to stdout and stderr: bytes, numbered from the worker's start, of which
// only the newest are there, however many come.
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

  /// The last `most` bytes of each job are there when its end is known; kKept in any case.
  explicit OutputTail(std::size_t most = kKept);

  void append(std::string_view bytes);
  /// How many bytes have come in all.
  [[nodiscard]] std::uint64_t total() const { return total_; }

  /// The bytes from number `from` on and before number `end`, or those of them that are there: the newest.
  /// Valid until the next call that changes this.
  [[nodiscard]] std::string_view between(std::uint64_t from, std::uint64_t end) const;
  /// The last kKept bytes before number `end`.
  [[nodiscard]] std::string last_until(std::uint64_t end) const;
  /// Those before number `end` belong to nobody any more.
  void drop_until(std::uint64_t end);

 private:
  // As much as may have come after `end` before that is known: what a pipe holds, twice.
  static constexpr std::size_t kSlack = std::size_t{128} << 10;

  [[nodiscard]] std::size_t count_until(std::uint64_t end) const;

  std::size_t window_;
  std::string bytes_;  ///< up to twice the window, so that old bytes are moved seldom
  std::uint64_t total_ = 0;
};

}  // namespace promised
