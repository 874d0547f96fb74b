// SPDX-License-Identifier: Apache-2.0
// A binary min-heap of pointers whose elements know their place, so that any of them can be moved or removed
// in logarithmic time and there is never a stale entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace promised {

/// The place of an element that is in no heap.
inline constexpr std::uint32_t kNotInHeap = UINT32_MAX;

/// `Less` compares elements; `Place` returns a reference to the element's std::uint32_t place.
template <class T, class Less, class Place>
class IndexedHeap {
 public:
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] T* top() const { return items_.front(); }
  /// All of them, in no order.
  [[nodiscard]] const std::vector<T*>& items() const { return items_; }
  [[nodiscard]] static bool contains(T& item) { return Place()(item) != kNotInHeap; }

  /// Inserts `item`, or finds its new place after its key has changed.
  void update(T& item) {
    if (!contains(item)) {
      Place()(item) = static_cast<std::uint32_t>(items_.size());
      items_.push_back(&item);
    }
    const std::size_t place = Place()(item);
    if (!rise(place)) sink(place);
  }
  /// Nothing happens if `item` is not here.
  void remove(T& item) {
    if (!contains(item)) return;
    const std::size_t place = Place()(item);
    Place()(item) = kNotInHeap;
    T* last = items_.back();
    items_.pop_back();
    if (last == &item) return;
    items_[place] = last;
    Place()(*last) = static_cast<std::uint32_t>(place);
    if (!rise(place)) sink(place);
  }

 private:
  bool rise(std::size_t place) {
    bool moved = false;
    while (place > 0) {
      const std::size_t parent = (place - 1) / 2;
      if (!Less()(*items_[place], *items_[parent])) break;
      exchange(place, parent);
      place = parent;
      moved = true;
    }
    return moved;
  }
  void sink(std::size_t place) {
    while (true) {
      std::size_t least = place;
      for (std::size_t child = 2 * place + 1; child <= 2 * place + 2 && child < items_.size(); ++child) {
        if (Less()(*items_[child], *items_[least])) least = child;
      }
      if (least == place) return;
      exchange(place, least);
      place = least;
    }
  }
  void exchange(std::size_t a, std::size_t b) {
    std::swap(items_[a], items_[b]);
    Place()(*items_[a]) = static_cast<std::uint32_t>(a);
    Place()(*items_[b]) = static_cast<std::uint32_t>(b);
  }

  std::vector<T*> items_;
};

}  // namespace promised
