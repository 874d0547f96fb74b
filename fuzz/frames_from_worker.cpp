// SPDX-License-Identifier: Apache-2.0
// Frames from a worker, as the daemon reads them.
#include "fuzz/frames.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  promised::fuzz::try_frames(data, size, [](std::string_view bytes) {
    return promised::wire::decode_from_worker(bytes, promised::fuzz::kMaxPayload);
  });
  return 0;
}
