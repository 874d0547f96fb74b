// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/output_tail.hpp"

#include <utility>

namespace promised {

void OutputTail::append(std::string_view bytes) {
  if (bytes.size() >= kKept) {
    bytes_ = bytes.substr(bytes.size() - kKept);
    return;
  }
  if (bytes_.size() + bytes.size() > 2 * kKept) bytes_.erase(0, bytes_.size() + bytes.size() - kKept);
  bytes_ += bytes;
}

std::string OutputTail::take() {
  if (bytes_.size() > kKept) bytes_.erase(0, bytes_.size() - kKept);
  return std::exchange(bytes_, {});
}

}  // namespace promised
