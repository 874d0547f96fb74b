// SPDX-License-Identifier: Apache-2.0
// A program or library on disk, of the kind that runs on this machine: its sections, and the names of its
// functions. For a signal handler: no malloc, no lock, and no more of the file in memory than is asked for.
#pragma once

#include <link.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "common/fd.hpp"

namespace promised::symbols {

/// A part of a file in memory, as long as this is there.
class Mapping {
 public:
  Mapping() = default;
  /// Empty if the file has no such part, or there is no room for it.
  Mapping(const Fd& file, std::uint64_t file_size, std::uint64_t offset, std::uint64_t size);
  Mapping(Mapping&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)),
        mapped_(std::exchange(other.mapped_, 0)),
        bytes_(std::exchange(other.bytes_, {})) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(mapped_, other.mapped_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  void* memory_ = nullptr;
  std::size_t mapped_ = 0;
  std::string_view bytes_;
};

class ElfFile {
 public:
  static constexpr std::size_t kMostAddresses = 64;

  ElfFile() = default;
  /// Without sections if it cannot be read, or is of another kind of machine.
  explicit ElfFile(const char* path);

  /// The bytes of a section; empty if there is none, or it is compressed. Valid as long as this is.
  [[nodiscard]] std::string_view section(std::string_view name);
  /// Finds the function that each of `addresses` (as the file has them; kMostAddresses at most) lies in;
  /// leaves the name of one that is in none. Names are valid as long as this is.
  void name_functions(std::span<const std::uintptr_t> addresses, std::span<std::string_view> names);

 private:
  using Header = ElfW(Shdr);

  [[nodiscard]] std::size_t sections() const { return headers_.bytes().size() / sizeof(Header); }
  [[nodiscard]] Header header(std::size_t index) const;
  [[nodiscard]] std::string_view bytes_of(const Header& header);

  Fd file_;
  std::uint64_t size_ = 0;
  Mapping headers_;
  std::string_view names_;
  std::array<Mapping, 16> mapped_;  // every section that was asked for
  std::size_t mapped_count_ = 0;
};

}  // namespace promised::symbols
