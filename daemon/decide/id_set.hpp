// SPDX-License-Identifier: Apache-2.0
// Which ids are in a very large set: eight bytes an id, at a load of at most three quarters. It keeps hashes,
// so that one in 2^64 may be taken for another; who finds an id here asks the store for the truth.
#pragma once

#include <promised/types.hpp>

#include <cstdint>
#include <cstring>

#include "daemon/decide/fingerprint_table.hpp"

namespace promised {

/// A hash of an id that depends on all its bits. Ids come from clients: `seed` keeps them from choosing it.
[[nodiscard]] inline std::uint64_t hash_id(const JobId& id, std::uint64_t seed) {
  std::uint64_t half[2];
  std::memcpy(half, id.bytes().data(), sizeof half);
  // Two rounds of multiply and fold (as in wyhash) under the secret seed.
  const auto mix = [](std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  return mix(mix(half[0] ^ seed, 0x9e3779b97f4a7c15U ^ half[1]), seed | 1);
}

/// As the key of a FingerprintTable.
[[nodiscard]] inline std::uint64_t fingerprint(const JobId& id, std::uint64_t seed) {
  const std::uint64_t hash = hash_id(id, seed);
  return hash == 0 ? 1 : hash;
}

class IdSet {
 public:
  explicit IdSet(std::uint64_t seed) : seed_(seed) {}

  [[nodiscard]] std::size_t size() const { return prints_.size(); }
  [[nodiscard]] bool empty() const { return prints_.empty(); }
  [[nodiscard]] bool contains(const JobId& id) const { return find(id) != nullptr; }
  void insert(const JobId& id) { prints_.insert({fingerprint(id, seed_)}); }
  /// Whether it was there.
  bool erase(const JobId& id) {
    const Slot* found = find(id);
    if (found == nullptr) return false;
    prints_.erase(*found);
    return true;
  }

 private:
  struct Slot {
    std::uint64_t print = 0;
  };
  [[nodiscard]] const Slot* find(const JobId& id) const {
    return empty() ? nullptr : prints_.find(fingerprint(id, seed_), [](const Slot&) { return true; });
  }

  std::uint64_t seed_;
  FingerprintTable<Slot> prints_;
};

}  // namespace promised
