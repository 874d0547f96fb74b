// SPDX-License-Identifier: Apache-2.0
// Follows the bytes of one connection as they arrive, and tells when the peer speaks no ZMTP 3, or has begun
// a message of more frames or bytes than any request has. ZeroMQ would collect it until its end: it limits
// the size of a frame, and not how many of them there are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace promised {

class ZmtpMeter {
 public:
  static constexpr std::uint32_t kMostFrames = 8;

  /// `most_bytes`: of a message, its frames together.
  explicit ZmtpMeter(std::uint64_t most_bytes) : most_bytes_(most_bytes) {}

  /// The next bytes of the connection. False: too much; what comes later does not matter any more.
  [[nodiscard]] bool feed(std::string_view bytes) {
    while (!bytes.empty()) {
      if (greeted_ < kGreeting) {
        if (!greeting_byte(static_cast<unsigned char>(bytes.front()))) return false;
        bytes.remove_prefix(1);
        continue;
      }
      if (skip_ > 0) {
        const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
        skip_ -= skipped;
        bytes.remove_prefix(skipped);
        continue;
      }
      const auto byte = static_cast<unsigned char>(bytes.front());
      bytes.remove_prefix(1);
      if (!head_byte(byte)) return false;
    }
    return true;
  }

 private:
  static constexpr unsigned kGreeting = 64;
  static constexpr unsigned kMore = 1;
  static constexpr unsigned kLong = 2;

  /// The signature, then the version.
  bool greeting_byte(unsigned char byte) {
    const unsigned place = greeted_++;
    if (place == 0) return byte == 0xff;
    if (place == 9) return byte == 0x7f;
    return place != 10 || byte >= 3;
  }

  /// A byte of a frame's head: its flags, then its size in one byte or in eight.
  bool head_byte(unsigned char byte) {
    if (size_bytes_ == 0) {
      more_ = (byte & kMore) != 0;
      size_bytes_ = (byte & kLong) != 0 ? 8 : 1;
      size_ = 0;
      return true;
    }
    size_ = size_ << 8 | byte;
    if (--size_bytes_ > 0) return true;
    // A frame beyond the limit is ZeroMQ's to refuse: it does so before it takes memory.
    frames_ += 1;
    bytes_ += std::min(size_, most_bytes_);
    skip_ = size_;
    const bool fine = frames_ <= kMostFrames && (frames_ == 1 || bytes_ <= most_bytes_);
    if (!more_) frames_ = bytes_ = 0;
    return fine;
  }

  std::uint64_t most_bytes_;
  unsigned greeted_ = 0;
  std::uint64_t skip_ = 0;  ///< bytes until the next head
  std::uint64_t size_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t frames_ = 0;
  unsigned size_bytes_ = 0;  ///< of the size, still to come; 0: the flags are next
  bool more_ = false;
};

}  // namespace promised
