// SPDX-License-Identifier: Apache-2.0
// The frames between daemon and worker: proto/worker.proto behind two lengths.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/messages.hpp"
#include "common/result.hpp"

namespace promised::wire {

/// Two little-endian 32-bit lengths: of the message and of the payload.
inline constexpr std::size_t kFrameHead = 8;
/// A frame's message (not its payload) is never larger than this.
inline constexpr std::size_t kMaxFrameMessage = std::size_t{4} << 20;

/// Appends head and message of a frame whose payload of `payload_size` bytes the caller sends right behind
/// it.
void encode_frame(const message::ToWorker& message, std::size_t payload_size, std::string& out);
void encode_frame(const message::FromWorker& message, std::size_t payload_size, std::string& out);

template <class Message>
struct Frame {
  Message message;
  std::string_view payload;  ///< within the bytes that were decoded
  std::size_t size = 0;      ///< of the whole frame
};

/// The frame that `bytes` begin with; nothing while it is not whole. Problem "garbage" for what is no frame,
/// and "too_large" when the payload is announced larger than `max_payload`: the channel cannot be read
/// further.
[[nodiscard]] Result<std::optional<Frame<message::ToWorker>>> decode_to_worker(std::string_view bytes,
                                                                               std::size_t max_payload);
[[nodiscard]] Result<std::optional<Frame<message::FromWorker>>> decode_from_worker(std::string_view bytes,
                                                                                   std::size_t max_payload);
/// How many bytes the frame that `bytes` begin with has in all; 0 while its head is not whole. For sizing
/// buffers.
[[nodiscard]] std::size_t frame_size(std::string_view bytes);

}  // namespace promised::wire
