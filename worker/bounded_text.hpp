// SPDX-License-Identifier: Apache-2.0
// The lines of a backtrace, in a piece of memory that does not grow: what is too much is left out. For a
// signal handler.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "common/crash_report.hpp"

namespace promised::detail {

class BoundedText {
 public:
  explicit BoundedText(std::array<char, CrashReport::kRoom>& room) : room_(room) {}

  BoundedText& operator<<(std::string_view text) {
    const std::size_t size = std::min(text.size(), room_.size() - size_);
    std::copy_n(text.data(), size, room_.data() + size_);
    size_ += size;
    return *this;
  }
  BoundedText& number(std::uintptr_t number, int base) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
    return *this << std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data()));
  }
  BoundedText& begin_frame() { return (*this << "#").number(frames_++, 10) << " "; }
  [[nodiscard]] std::string_view view() const { return {room_.data(), size_}; }

 private:
  std::array<char, CrashReport::kRoom>& room_;
  std::size_t size_ = 0;
  std::size_t frames_ = 0;
};

}  // namespace promised::detail
