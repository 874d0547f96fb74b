// SPDX-License-Identifier: Apache-2.0
// Reads the bytes of a debug section one after the other. Whoever reads beyond the end gets zeros, and a
// cursor that is not ok() any more: so a loop over a spoilt section ends, and nothing needs to be checked in
// between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace promised::symbols {

class Cursor {
 public:
  explicit Cursor(std::string_view bytes, std::uint64_t at = 0) : bytes_(bytes) { seek(at); }

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return !ok_ || at_ == bytes_.size(); }
  [[nodiscard]] std::uint64_t at() const { return at_; }
  void seek(std::uint64_t at) {
    ok_ = ok_ && at <= bytes_.size();
    at_ = ok_ ? static_cast<std::size_t>(at) : bytes_.size();
  }
  void skip(std::uint64_t bytes) { seek(bytes > bytes_.size() ? bytes_.size() + 1 : at_ + bytes); }

  /// A number as this machine has it: of a file that is loaded here.
  template <typename Number>
  [[nodiscard]] Number get() {
    Number number{};
    if (!ok_ || bytes_.size() - at_ < sizeof number) {
      fail();
      return number;
    }
    std::memcpy(&number, bytes_.data() + at_, sizeof number);
    at_ += sizeof number;
    return number;
  }
  /// One of 1, 2, 3, 4 or 8 bytes.
  [[nodiscard]] std::uint64_t number(unsigned size) {
    switch (size) {
      case 1:
        return get<std::uint8_t>();
      case 2:
        return get<std::uint16_t>();
      case 3: {
        const std::uint64_t low = get<std::uint16_t>();
        return low | std::uint64_t{get<std::uint8_t>()} << 16;
      }
      case 4:
        return get<std::uint32_t>();
      case 8:
        return get<std::uint64_t>();
      default:
        fail();
        return 0;
    }
  }
  [[nodiscard]] std::uint64_t uleb() {
    std::uint64_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = get<std::uint8_t>();
      if (shift < 64) number |= std::uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80U) == 0) return number;
    }
  }
  [[nodiscard]] std::int64_t sleb() {
    std::uint64_t number = 0;
    for (unsigned shift = 0;;) {
      const auto byte = get<std::uint8_t>();
      if (shift < 64) number |= std::uint64_t{byte & 0x7fU} << shift;
      shift += 7;
      if ((byte & 0x80U) != 0) continue;
      if (shift < 64 && (byte & 0x40U) != 0) number |= ~std::uint64_t{0} << shift;
      return static_cast<std::int64_t>(number);
    }
  }
  /// Up to the zero that ends it.
  [[nodiscard]] std::string_view text() {
    if (!ok_) return {};
    const char* const begin = bytes_.data() + at_;
    const void* const end = at_ == bytes_.size() ? nullptr : std::memchr(begin, 0, bytes_.size() - at_);
    if (end == nullptr) {
      fail();
      return {};
    }
    const auto size = static_cast<std::size_t>(static_cast<const char*>(end) - begin);
    at_ += size + 1;
    return {begin, size};
  }
  /// The length that a unit of any debug section begins with, and how many bytes offsets have in it.
  struct Length {
    std::uint64_t bytes;
    std::uint8_t offset_size;
  };
  [[nodiscard]] Length unit_length() {
    const std::uint64_t length = get<std::uint32_t>();
    if (length < 0xfffffff0U) return {length, 4};
    return {get<std::uint64_t>(), 8};
  }

 private:
  void fail() {
    ok_ = false;
    at_ = bytes_.size();
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

/// The text that begins there in a section of texts; empty if there is none.
inline std::string_view text_at(std::string_view section, std::uint64_t offset) {
  return Cursor(section, offset).text();
}

}  // namespace promised::symbols
