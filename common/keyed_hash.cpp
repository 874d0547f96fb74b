// SPDX-License-Identifier: Apache-2.0
#include "common/keyed_hash.hpp"

#include <bit>

namespace promised {
namespace {

struct HashState {
  std::uint64_t a, b, c, d;

  void rounds(int count) {
    while (count-- > 0) {
      a += b;
      b = std::rotl(b, 13) ^ a;
      a = std::rotl(a, 32);
      c += d;
      d = std::rotl(d, 16) ^ c;
      a += d;
      d = std::rotl(d, 21) ^ a;
      c += b;
      b = std::rotl(b, 17) ^ c;
      c = std::rotl(c, 32);
    }
  }
  void take(std::uint64_t word) {
    d ^= word;
    rounds(2);
    a ^= word;
  }
  [[nodiscard]] std::uint64_t folded() const { return a ^ b ^ c ^ d; }
};

/// The first of them, at most eight, as a little-endian number.
std::uint64_t word(std::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) number = number << 8 | static_cast<std::uint8_t>(bytes[i]);
  return number;
}

}  // namespace

Hash128 keyed_hash(const Hash128& key, std::string_view bytes) {
  HashState state{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d ^ 0xee,
                  key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
  const std::uint64_t length = bytes.size();
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) state.take(word(bytes.substr(0, 8)));
  state.take(length << 56 | word(bytes));
  state.c ^= 0xee;
  state.rounds(4);
  const std::uint64_t first = state.folded();
  state.b ^= 0xdd;
  state.rounds(4);
  return {first, state.folded()};
}

}  // namespace promised
