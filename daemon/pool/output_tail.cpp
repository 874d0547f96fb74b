// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/output_tail.hpp"

#include <algorithm>

namespace promised {

void OutputTail::append(std::string_view bytes) {
  total_ += bytes.size();
  if (bytes.size() >= kWindow) {
    bytes_ = bytes.substr(bytes.size() - kWindow);
    return;
  }
  const std::size_t size = bytes_.size() + bytes.size();
  if (size > 2 * kWindow) bytes_.erase(0, size - kWindow);
  bytes_ += bytes;
}

std::size_t OutputTail::count_until(std::uint64_t end) const {
  const std::uint64_t first = total_ - bytes_.size();
  return static_cast<std::size_t>(std::clamp(end, first, total_) - first);
}

void OutputTail::drop_until(std::uint64_t end) {
  const std::size_t count = count_until(end);
  if (count == bytes_.size() && bytes_.capacity() > 2 * kKept) {
    bytes_ = std::string();  // a chatty worker's memory is not kept
  } else {
    bytes_.erase(0, count);
  }
}

std::string OutputTail::last_until(std::uint64_t end) const {
  const std::size_t count = count_until(end);
  const std::size_t kept = std::min(count, kKept);
  return bytes_.substr(count - kept, kept);
}

}  // namespace promised
