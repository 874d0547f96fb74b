// SPDX-License-Identifier: Apache-2.0
// What is with the daemon, by request number. Numbers count up, so the table is made of chunks of consecutive
// ones: an entry costs a pointer and no allocation of its own; a chunk goes with the last of its entries.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "client/exchange.hpp"
#include "client/ref.hpp"

namespace promised::detail {

class RequestTable {
 public:
  void insert(Ref<Exchange> exchange) {
    const std::uint64_t number = exchange->number;
    std::unique_ptr<Chunk>& chunk = chunks_[number / kChunk];
    if (!chunk) chunk = std::make_unique<Chunk>();
    chunk->slots[number % kChunk] = std::move(exchange);
    ++chunk->used;
    ++size_;
  }
  /// Null if there is none.
  [[nodiscard]] Exchange* find(std::uint64_t number) const {
    const auto it = chunks_.find(number / kChunk);
    return it == chunks_.end() ? nullptr : it->second->slots[number % kChunk].get();
  }
  /// Takes out an entry that is there.
  Ref<Exchange> take(std::uint64_t number) {
    const auto it = chunks_.find(number / kChunk);
    Ref<Exchange> out = std::move(it->second->slots[number % kChunk]);
    --size_;
    if (--it->second->used == 0) chunks_.erase(it);
    return out;
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// All entries, in the order of their numbers.
  [[nodiscard]] std::vector<Ref<Exchange>> all() const {
    std::vector<std::uint64_t> keys;
    keys.reserve(chunks_.size());
    for (const auto& [key, chunk] : chunks_) keys.push_back(key);
    std::sort(keys.begin(), keys.end());
    std::vector<Ref<Exchange>> out;
    out.reserve(size_);
    for (const std::uint64_t key : keys) {
      for (const Ref<Exchange>& slot : chunks_.at(key)->slots) {
        if (slot) out.push_back(slot);
      }
    }
    return out;
  }

 private:
  static constexpr std::size_t kChunk = 256;
  struct Chunk {
    std::array<Ref<Exchange>, kChunk> slots;
    std::size_t used = 0;
  };

  std::unordered_map<std::uint64_t, std::unique_ptr<Chunk>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace promised::detail
