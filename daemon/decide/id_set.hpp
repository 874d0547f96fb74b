// SPDX-License-Identifier: Apache-2.0
// Which ids are in a very large set: eight bytes an id, at a load of at most three quarters. It keeps hashes,
// so that one in 2^64 may be taken for another; who finds an id here asks the store for the truth.
#pragma once

#include <promised/types.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

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

class IdSet {
 public:
  explicit IdSet(std::uint64_t seed) : seed_(seed) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  [[nodiscard]] bool contains(const JobId& id) const {
    return size_ > 0 && slots_[place_of(fingerprint(id))] != kFree;
  }

  void insert(const JobId& id) {
    if ((size_ + 1) * 4 > slots_.size() * 3) resize(slots_.empty() ? 64 : slots_.size() * 2);
    put(fingerprint(id));
  }

  /// Whether it was there.
  bool erase(const JobId& id) {
    if (size_ == 0) return false;
    std::size_t hole = place_of(fingerprint(id));
    if (slots_[hole] == kFree) return false;
    // What stands behind the hole and could not stand nearer moves up.
    for (std::size_t i = next(hole); slots_[i] != kFree; i = next(i)) {
      const std::size_t home = slots_[i] & mask();
      if (((i - home) & mask()) >= ((i - hole) & mask())) slots_[std::exchange(hole, i)] = slots_[i];
    }
    slots_[hole] = kFree;
    --size_;
    if (slots_.size() > 64 && size_ * 8 < slots_.size()) resize(slots_.size() / 2);
    return true;
  }

 private:
  static constexpr std::uint64_t kFree = 0;

  [[nodiscard]] std::uint64_t fingerprint(const JobId& id) const {
    const std::uint64_t hash = hash_id(id, seed_);
    return hash == kFree ? 1 : hash;
  }
  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t place) const { return (place + 1) & mask(); }
  /// Where it is, or the free slot at which it would be.
  [[nodiscard]] std::size_t place_of(std::uint64_t print) const {
    std::size_t place = print & mask();
    while (slots_[place] != kFree && slots_[place] != print) place = next(place);
    return place;
  }
  void put(std::uint64_t print) {
    std::size_t place = print & mask();
    while (slots_[place] != kFree) place = next(place);
    slots_[place] = print;
    ++size_;
  }
  void resize(std::size_t slots) {
    const std::vector<std::uint64_t> old = std::exchange(slots_, std::vector<std::uint64_t>(slots, kFree));
    size_ = 0;
    for (const std::uint64_t print : old) {
      if (print != kFree) put(print);
    }
  }

  std::uint64_t seed_;
  std::vector<std::uint64_t> slots_;  ///< a power of two
  std::size_t size_ = 0;
};

}  // namespace promised
