// SPDX-License-Identifier: Apache-2.0
// Values and arguments, as a worker and a client read them.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/wire/value_codec.hpp"
#include "fuzz/require.hpp"

namespace {

using promised::fuzz::require;

void try_value(std::string_view bytes) {
  const auto value = promised::wire::decode_value(bytes);
  if (!value.ok()) return;
  const auto encoded = promised::wire::encode(*value);
  require(encoded.ok(), "what is decoded can be encoded");
  const auto again = promised::wire::decode_value(*encoded);
  require(again.ok(), "what is encoded can be decoded");
  // Compared as bytes: a NaN is not equal to itself.
  require(*promised::wire::encode(*again) == *encoded, "a value comes back as it was");
}

void try_arguments(std::string_view bytes) {
  const auto arguments = promised::wire::decode_arguments(bytes);
  if (!arguments.ok()) return;
  const auto encoded = promised::wire::encode(*arguments);
  require(encoded.ok(), "what is decoded can be encoded");
  const auto again = promised::wire::decode_arguments(*encoded);
  require(again.ok(), "what is encoded can be decoded");
  require(*promised::wire::encode(*again) == *encoded, "arguments come back as they were");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try_value(bytes);
  try_arguments(bytes);
  return 0;
}
