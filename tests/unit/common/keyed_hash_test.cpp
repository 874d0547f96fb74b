// SPDX-License-Identifier: Apache-2.0
#include "common/keyed_hash.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace promised;

namespace {

/// The bytes 0, 1, 2 and so on, as the published test vectors have them.
std::string counted(std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i);
  return bytes;
}

constexpr Hash128 kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

}  // namespace

TEST_CASE("a keyed hash is SipHash-2-4 of 128 bits, as it is published") {
  CHECK(keyed_hash(kKey, "") == Hash128{0xe6a825ba047f81a3, 0x930255c71472f66d});
  CHECK(keyed_hash(kKey, counted(1)) == Hash128{0x44af996bd8c187da, 0x45fc229b11597634});
}

TEST_CASE("each byte, the length and the key count") {
  for (const std::size_t size : {1, 7, 8, 9, 63, 64, 65}) {
    CAPTURE(size);
    const std::string bytes = counted(size);
    const Hash128 hash = keyed_hash(kKey, bytes);
    CHECK(hash != keyed_hash(kKey, bytes + '\0'));
    CHECK(hash != keyed_hash({kKey[1], kKey[0]}, bytes));
    for (std::size_t i = 0; i < size; ++i) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ 0x80);
      CHECK(hash != keyed_hash(kKey, changed));
    }
  }
}
