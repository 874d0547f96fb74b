// SPDX-License-Identifier: Apache-2.0
// Requests, as the daemon reads them from a client.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/wire/client_codec.hpp"
#include "fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using promised::fuzz::require;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto request = promised::wire::decode_request(bytes);
  if (!request.ok()) {
    require(!request.problem().code.empty() && !request.problem().message.empty(), "a refusal says why");
    (void)promised::wire::request_number(bytes);
    return 0;
  }
  require(promised::wire::request_number(bytes) == request->number, "a request has one number");
  std::string encoded;
  promised::wire::encode(*request, encoded);
  const auto again = promised::wire::decode_request(encoded);
  require(again.ok(), "what is encoded can be decoded");
  std::string twice;
  promised::wire::encode(*again, twice);
  require(twice == encoded, "a request comes back as it was");
  return 0;
}
