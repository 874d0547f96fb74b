// SPDX-License-Identifier: Apache-2.0
// Protobuf messages into the caller's string and out of the caller's bytes, without a copy between. Internal
// to common/wire, like every header there that names protobuf.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace promised::wire {

template <class Message>
void append(const Message& message, std::string& out) {
  const std::size_t before = out.size();
  out.resize(before + message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(out.data() + before));
}

/// False for what is no such message. What `message` held is gone either way.
template <class Message>
[[nodiscard]] bool parse(std::string_view bytes, Message& message) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return false;
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace promised::wire
