// SPDX-License-Identifier: Apache-2.0
// The notes of the job that runs, as far as its worker knows them (SEMANTICS P2). Both sides write; the
// daemon has the last word. What it tells of a note may be older than what was written here meanwhile: so it
// says which of the writes it had read, and what was written after that stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "common/messages.hpp"

namespace promised::detail {

class NoteBook {
 public:
  /// For the next job.
  void clear();

  /// Whether the daemon has told the notes since clear(), and up to which change.
  [[nodiscard]] bool known() const { return known_; }
  [[nodiscard]] std::uint64_t version() const { return version_; }

  /// Bytes that all notes would take if `key` had a value of `size` bytes, as max_notes counts them.
  [[nodiscard]] std::size_t size_with(std::string_view key, std::size_t size) const;
  /// Keeps what this side writes (empty: the note is gone), and returns the number of the write.
  std::uint32_t write(std::string_view key, std::string encoded);
  /// Takes over what the daemon tells.
  void update(const message::Notes& notes);
  /// The encoded value; empty if there is none.
  [[nodiscard]] std::string_view find(std::string_view key) const;

 private:
  struct Entry {
    std::string encoded;
    std::uint32_t write = 0;  ///< the last of this side; 0: none
  };

  std::map<std::string, Entry, std::less<>> entries_;
  std::uint64_t version_ = 0;
  std::uint32_t writes_ = 0;
  bool known_ = false;
};

}  // namespace promised::detail
