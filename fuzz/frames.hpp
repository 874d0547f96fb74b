// SPDX-License-Identifier: Apache-2.0
// A channel between daemon and worker: the bytes arrive in pieces, and what comes out must not depend on
// where they were cut. The first byte of the input says how to cut the rest.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/wire/worker_codec.hpp"
#include "fuzz/require.hpp"

namespace promised::fuzz {

inline constexpr std::size_t kMaxPayload = 4096;

// Takes the frames that `buffer` begins with off it and appends what they said to `said`; false after a
// problem.
template <class Decode>
bool drain(std::string& buffer, std::string& said, const Decode& decode) {
  while (true) {
    auto frame = decode(std::string_view(buffer));
    if (!frame.ok()) {
      said += "problem: " + frame.problem().message;
      return false;
    }
    if (!frame->has_value()) return true;
    const std::size_t size = (*frame)->size;
    require(size >= wire::kFrameHead && size <= buffer.size(), "a frame lies within the bytes");
    require(size == wire::frame_size(buffer), "a frame is as large as its head says");
    require((*frame)->payload.size() <= kMaxPayload, "a payload is no larger than allowed");
    wire::encode_frame((*frame)->message, (*frame)->payload.size(), said);
    said += (*frame)->payload;
    buffer.erase(0, size);
  }
}

template <class Decode>
void try_frames(const std::uint8_t* data, std::size_t size, const Decode& decode) {
  if (size == 0) return;
  const std::size_t cut = data[0];
  const std::string stream(reinterpret_cast<const char*>(data) + 1, size - 1);

  std::string whole = stream;
  std::string said_at_once;
  drain(whole, said_at_once, decode);

  std::string buffer;
  std::string said_in_pieces;
  std::size_t taken = 0;
  for (std::size_t i = 1; taken < stream.size(); ++i) {
    const std::size_t piece = std::min(stream.size() - taken, 1 + cut * i % 251);
    buffer.append(stream, taken, piece);
    taken += piece;
    if (!drain(buffer, said_in_pieces, decode)) break;
  }
  require(said_in_pieces == said_at_once, "what arrives in pieces says the same");
}

}  // namespace promised::fuzz
