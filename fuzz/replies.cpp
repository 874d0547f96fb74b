// SPDX-License-Identifier: Apache-2.0
// Replies, as a client reads them from the daemon.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/wire/client_codec.hpp"
#include "fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using promised::fuzz::require;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto reply = promised::wire::decode_reply(bytes);
  if (!reply.ok()) {
    require(!reply.problem().code.empty() && !reply.problem().message.empty(), "a refusal says why");
    return 0;
  }
  std::string encoded;
  promised::wire::encode(*reply, encoded);
  const auto again = promised::wire::decode_reply(encoded);
  require(again.ok(), "what is encoded can be decoded");
  std::string twice;
  promised::wire::encode(*again, twice);
  require(twice == encoded, "a reply comes back as it was");
  return 0;
}
