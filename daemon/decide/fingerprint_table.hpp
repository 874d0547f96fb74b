// SPDX-License-Identifier: Apache-2.0
// A hash table in one piece of memory, at a load of at most three quarters: to find something costs one look
// at cold memory. What it keeps is found by a hash that is made outside, and moves about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace promised {

/// `Slot` is cheap to move, and has a std::uint64_t `print`, the hash; a slot that is free has 0 there, and
/// is as one that is made without arguments.
template <class Slot>
class FingerprintTable {
 public:
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// All of them, with those that are free.
  [[nodiscard]] std::span<const Slot> slots() const { return slots_; }

  /// The slot with this print that `is` says yes to, until the next change; null: there is none.
  template <class Is>
  [[nodiscard]] const Slot* find(std::uint64_t print, Is is) const {
    if (size_ == 0) return nullptr;
    std::size_t place = print & mask();
    while (slots_[place].print != kFree) {
      if (slots_[place].print == print && is(slots_[place])) return &slots_[place];
      place = next(place);
    }
    return nullptr;
  }

  void insert(Slot slot) {
    if ((size_ + 1) * 4 > slots_.size() * 3) resize(slots_.empty() ? kFewest : slots_.size() * 2);
    put(std::move(slot));
  }

  /// `slot` is one that find() has returned.
  void erase(const Slot& slot) {
    auto hole = static_cast<std::size_t>(&slot - slots_.data());
    // What stands behind the hole and could not stand nearer moves up.
    for (std::size_t i = next(hole); slots_[i].print != kFree; i = next(i)) {
      const std::size_t home = slots_[i].print & mask();
      if (((i - home) & mask()) >= ((i - hole) & mask()))
        slots_[std::exchange(hole, i)] = std::move(slots_[i]);
    }
    slots_[hole] = Slot();
    --size_;
    if (slots_.size() > kFewest && size_ * 8 < slots_.size()) resize(slots_.size() / 2);
  }

 private:
  static constexpr std::uint64_t kFree = 0;
  static constexpr std::size_t kFewest = 64;

  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t place) const { return (place + 1) & mask(); }
  void put(Slot slot) {
    std::size_t place = slot.print & mask();
    while (slots_[place].print != kFree) place = next(place);
    slots_[place] = std::move(slot);
    ++size_;
  }
  void resize(std::size_t slots) {
    std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots));
    size_ = 0;
    for (Slot& slot : old) {
      if (slot.print != kFree) put(std::move(slot));
    }
  }

  std::vector<Slot> slots_;  ///< a power of two
  std::size_t size_ = 0;
};

}  // namespace promised
