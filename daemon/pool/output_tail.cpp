// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/output_tail.hpp"

#include <algorithm>

namespace promised {

OutputTail::OutputTail(std::size_t most) : window_(std::max(most, kKept) + kSlack) {}

void OutputTail::append(std::string_view bytes) {
  total_ += bytes.size();
  if (bytes.size() >= window_) {
    bytes_ = bytes.substr(bytes.size() - window_);
    return;
  }
  const std::size_t size = bytes_.size() + bytes.size();
  if (size > 2 * window_) bytes_.erase(0, size - window_);
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

std::string_view OutputTail::between(std::uint64_t from, std::uint64_t end) const {
  const std::size_t begin = count_until(from);
  return std::string_view(bytes_).substr(begin, std::max(count_until(end), begin) - begin);
}

std::string OutputTail::last_until(std::uint64_t end) const {
  const std::uint64_t last = std::min(end, total_);
  return std::string(between(last - std::min<std::uint64_t>(last, kKept), last));
}

}  // namespace promised
