// SPDX-License-Identifier: Apache-2.0
// Immutable bytes with an owner: arguments or a result on their way through the house. Copying one copies a
// pointer; the bytes are freed with the last copy, on whichever thread that is (the loop's, the committer's
// or ZeroMQ's).
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace promised {

class Payload {
 public:
  Payload() = default;
  /// A copy of `bytes`, in one allocation.
  explicit Payload(std::string_view bytes) {
    if (bytes.empty()) return;
    void* memory = ::operator new(sizeof(Block) + bytes.size());
    block_ = new (memory) Block{{1}, false, bytes.size()};
    std::memcpy(static_cast<char*>(memory) + sizeof(Block), bytes.data(), bytes.size());
  }
  /// Bytes that somebody else allocated: `give_back(hint)` is called when the last copy goes.
  Payload(const char* data, std::size_t size, void (*give_back)(void* hint), void* hint) {
    void* memory = ::operator new(sizeof(Borrowed));
    block_ = new (memory) Borrowed{{{1}, true, size}, data, give_back, hint};
  }
  Payload(const Payload& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Payload(Payload&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Payload& operator=(Payload other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Payload() { drop(block_); }

  [[nodiscard]] std::string_view view() const {
    if (block_ == nullptr) return {};
    const char* data = block_->borrowed ? static_cast<const Borrowed*>(block_)->data
                                        : reinterpret_cast<const char*>(block_ + 1);
    return {data, block_->size};
  }
  [[nodiscard]] std::size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  [[nodiscard]] bool empty() const { return size() == 0; }

  /// For an interface in C that keeps the bytes: a reference that release() must take back.
  [[nodiscard]] void* leak() && { return std::exchange(block_, nullptr); }
  /// Gives up a leaked reference.
  static void release(void* leaked) { drop(static_cast<Block*>(leaked)); }

 private:
  /// Its bytes stand behind it, unless they are borrowed.
  struct Block {
    std::atomic<std::uint32_t> references;
    bool borrowed;
    std::size_t size;
  };
  struct Borrowed : Block {
    const char* data;
    void (*give_back)(void* hint);
    void* hint;
  };

  static void drop(Block* block) {
    if (block == nullptr || block->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (block->borrowed) {
      const auto* of_others = static_cast<const Borrowed*>(block);
      of_others->give_back(of_others->hint);
    }
    block->~Block();
    ::operator delete(block);
  }

  Block* block_ = nullptr;
};

}  // namespace promised
