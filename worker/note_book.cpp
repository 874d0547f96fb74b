// SPDX-License-Identifier: Apache-2.0
#include "worker/note_book.hpp"

#include <utility>

namespace promised::detail {

void NoteBook::clear() {
  entries_.clear();
  version_ = 0;
  writes_ = 0;
  known_ = false;
}

std::size_t NoteBook::size_with(std::string_view key, std::size_t size) const {
  std::size_t total = size == 0 ? 0 : key.size() + size + message::kEntryCost;
  for (const auto& [other, entry] : entries_) {
    if (other != key && !entry.encoded.empty()) {
      total += other.size() + entry.encoded.size() + message::kEntryCost;
    }
  }
  return total;
}

std::uint32_t NoteBook::write(std::string_view key, std::string encoded) {
  auto entry = entries_.find(key);
  if (entry == entries_.end()) entry = entries_.try_emplace(std::string(key)).first;
  entry->second.encoded = std::move(encoded);
  entry->second.write = ++writes_;
  return writes_;
}

void NoteBook::update(const message::Notes& notes) {
  known_ = true;
  version_ = notes.version;
  for (const NoteView& note : notes.notes) {
    Entry& entry = entries_[note.key];
    if (entry.write <= notes.written) entry.encoded = note.encoded;
  }
  // What is gone, and known to be gone, need not be kept.
  std::erase_if(entries_, [&](const auto& item) {
    return item.second.encoded.empty() && item.second.write <= notes.written;
  });
}

std::string_view NoteBook::find(std::string_view key) const {
  const auto entry = entries_.find(key);
  return entry == entries_.end() ? std::string_view() : std::string_view(entry->second.encoded);
}

}  // namespace promised::detail
